/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generator with fast key erasure: each request runs ChaCha20 (RFC 8439,
 * 2.3) on the key; the first 32 bytes of output become the next key, the rest
 * is given out.  So what was given out cannot be computed from the state.
 */
#include <kernel/random.h>

#include <arch/x86/cpu.h>
#include <kernel/sched.h>
#include <kernel/spinlock.h>
#include <lib/byteorder.h>
#include <lib/hash.h>
#include <lib/minmax.h>
#include <lib/string.h>

#define BLOCK_BYTES 64
#define KEY_WORDS   8

static DEFINE_SPINLOCK(random_lock, LOCK_RANDOM);
static u32 key[KEY_WORDS]; /* [random_lock] */

static u32 rotl(u32 v, int n)
{
	return v << n | v >> (32 - n);
}

static void quarter(u32 *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

static void chacha_block(const u32 *k, u32 counter, u32 *out)
{
	u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

	memcpy(in + 4, k, KEY_WORDS * 4);
	in[12] = counter;
	memcpy(out, in, BLOCK_BYTES);
	for (int round = 0; round < 10; round++) {
		quarter(out, 0, 4, 8, 12);
		quarter(out, 1, 5, 9, 13);
		quarter(out, 2, 6, 10, 14);
		quarter(out, 3, 7, 11, 15);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] += in[i];
}

void random_bytes(void *buf, size_t n)
{
	u64 flags = spin_lock_irqsave(&random_lock);
	u32 k[KEY_WORDS], block[16];
	u8 *out = buf;

	key[0] ^= (u32)rdtsc();
	memcpy(k, key, sizeof(k));
	chacha_block(k, 0, block);
	memcpy(key, block, sizeof(key));
	spin_unlock_irqrestore(&random_lock, flags);

	for (u32 counter = 1; n; counter++) {
		size_t part = min(n, (size_t)BLOCK_BYTES);

		chacha_block(k, counter, block);
		memcpy(out, block, part);
		out += part;
		n -= part;
	}
	memset(k, 0, sizeof(k));
	memset(block, 0, sizeof(block));
	__asm__ volatile("" ::"r"(k), "r"(block) : "memory");
}

u64 random_u64(void)
{
	u64 v;

	random_bytes(&v, sizeof(v));
	return v;
}

void random_add_entropy(const void *p, size_t n)
{
	u32 block[16];
	u64 flags = spin_lock_irqsave(&random_lock);

	for (size_t i = 0; i < n; i += sizeof(u64)) {
		u64 v = 0;

		memcpy(&v, (const u8 *)p + i, min(n - i, sizeof(v)));
		key[0] ^= (u32)v;
		key[1] ^= (u32)(v >> 32);
		chacha_block(key, (u32)i, block);
		memcpy(key, block, sizeof(key));
	}
	spin_unlock_irqrestore(&random_lock, flags);
}

static bool hardware_u64(u64 *v)
{
	bool ok = false;

	for (int i = 0; i < 10 && !ok; i++) {
		if (cpu_features.rdseed)
			__asm__ volatile("rdseed %0" : "=r"(*v), "=@ccc"(ok));
		else if (cpu_features.rdrand)
			__asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
		else
			break;
	}
	return ok;
}

void random_init(void)
{
	u64 v;

	for (int i = 0; i < 64; i++) {
		if (i < 8 && hardware_u64(&v))
			random_add_entropy(&v, sizeof(v));
		/* The time that this very loop takes. */
		v = rdtsc();
		random_add_entropy(&v, sizeof(v));
	}
}
