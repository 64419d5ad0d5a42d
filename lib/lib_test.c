/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <lib/bitmap.h>
#include <lib/byteorder.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/kstrto.h>
#include <lib/ktest.h>
#include <lib/list.h>
#include <lib/printf.h>
#include <lib/rand.h>
#include <lib/string.h>

#define EXPECT_PRINT(want, ...)                                      \
	do {                                                         \
		char buf_[64];                                       \
		int n_ = scnprintf(buf_, sizeof(buf_), __VA_ARGS__); \
		EXPECT_EQ(n_, strlen(want));                         \
		EXPECT_TRUE(!strcmp(buf_, want));                    \
	} while (0)

KTEST(printf_writes_integers_as_c_does)
{
	EXPECT_PRINT("0 -1 42", "%d %d %u", 0, -1, 42u);
	EXPECT_PRINT("-9223372036854775808", "%ld", INT64_MIN);
	EXPECT_PRINT("18446744073709551615", "%lu", UINT64_MAX);
	EXPECT_PRINT("ff FF 0xff 377", "%x %X %#x %o", 255, 255, 255, 255);
	EXPECT_PRINT("[   42][42   ][00042]", "[%5d][%-5d][%05d]", 42, 42, 42);
	EXPECT_PRINT("[-0042][ +42]", "[%05d][%+4d]", -42, 42);
	EXPECT_PRINT("[  007]", "[%5.3d]", 7);
	EXPECT_PRINT("00ab", "%04hhx", (u8)0xab);
	EXPECT_PRINT("0x1234", "%p", (void *)0x1234);
}

KTEST(printf_writes_strings_and_widths)
{
	const char *volatile null = NULL; /* hidden from the compiler */

	EXPECT_PRINT("[  ab][ab  ][a]", "[%4s][%-4s][%.1s]", "ab", "ab", "ab");
	EXPECT_PRINT("[  x]", "[%*s]", 3, "x");
	EXPECT_PRINT("[x  ]", "[%*s]", -3, "x");
	EXPECT_PRINT("[xyz]", "[%.*s]", 3, "xyzzy");
	EXPECT_PRINT("100% c", "%d%% %c", 100, 'c');
	EXPECT_PRINT("(null)", "%s", null);
}

KTEST(scnprintf_cuts_and_returns_what_was_written)
{
	char buf[4];

	EXPECT_EQ(scnprintf(buf, sizeof(buf), "%d", 12345), 3);
	EXPECT_TRUE(!strcmp(buf, "123"));
	EXPECT_EQ(scnprintf(buf, 0, "%d", 1), 0);
}

KTEST(strscpy_always_terminates)
{
	char buf[4];

	EXPECT_EQ(strscpy(buf, "abc", sizeof(buf)), 3);
	EXPECT_EQ(strscpy(buf, "abcd", sizeof(buf)), -E2BIG);
	EXPECT_TRUE(!strcmp(buf, "abc"));
	EXPECT_EQ(strscpy(buf, "", sizeof(buf)), 0);
}

KTEST(memory_functions_agree_with_loops)
{
	u8 a[80], b[80];
	struct rand r;

	rand_seed(&r, 7);
	for (int round = 0; round < 2000; round++) {
		size_t from = rand_below(&r, 40), to = rand_below(&r, 40);
		size_t n = rand_below(&r, 40);

		for (int i = 0; i < 80; i++)
			a[i] = b[i] = (u8)rand_u64(&r);
		memmove(a + to, a + from, n);
		if (to <= from)
			for (size_t i = 0; i < n; i++)
				b[to + i] = b[from + i];
		else
			for (size_t i = n; i--;)
				b[to + i] = b[from + i];
		EXPECT_EQ(memcmp(a, b, 80), 0);
		a[to] ^= 0x80;
		EXPECT_EQ(memcmp(a, b, 80) < 0, a[to] < b[to]);
	}
	memset(a, 0, sizeof(a));
	EXPECT_TRUE(mem_is_zero(a + 1, 79));
	a[79] = 1;
	EXPECT_TRUE(!mem_is_zero(a + 1, 79));
}

KTEST(numbers_are_parsed_whole_or_refused)
{
	u64 v;
	s64 s;
	u32 w;

	EXPECT_EQ(kstrtou64("0x10", 0, &v), 0);
	EXPECT_EQ(v, 16);
	EXPECT_EQ(kstrtou64("18446744073709551615", 0, &v), 0);
	EXPECT_EQ(v, UINT64_MAX);
	EXPECT_EQ(kstrtou64("18446744073709551616", 0, &v), -ERANGE);
	EXPECT_EQ(kstrtou64("", 0, &v), -EINVAL);
	EXPECT_EQ(kstrtou64("12a", 10, &v), -EINVAL);
	EXPECT_EQ(kstrtos64("-9223372036854775808", 10, &s), 0);
	EXPECT_EQ(s, INT64_MIN);
	EXPECT_EQ(kstrtos64("9223372036854775808", 10, &s), -ERANGE);
	EXPECT_EQ(kstrtou32("4294967296", 10, &w), -ERANGE);
}

KTEST(sizes_know_their_units)
{
	const char *end;
	u64 v;

	EXPECT_EQ(kstrtosize("64M,8way", &v, &end), 0);
	EXPECT_EQ(v, 64ul << 20);
	EXPECT_TRUE(!strcmp(end, ",8way"));
	EXPECT_EQ(kstrtosize("2g", &v, NULL), 0);
	EXPECT_EQ(v, 2ul << 30);
	EXPECT_EQ(kstrtosize("1Q", &v, NULL), -EINVAL);
	EXPECT_EQ(kstrtosize("99999999999T", &v, NULL), -ERANGE);
}

KTEST(crc32c_matches_the_known_answers)
{
	/* RFC 3720, B.4, and the customary check value. */
	u8 zeros[32] = {0};

	EXPECT_EQ(crc32c(~0u, zeros, 32) ^ ~0u, 0x8a9136aau);
	EXPECT_EQ(crc32c(~0u, "123456789", 9) ^ ~0u, 0xe3069283u);
}

KTEST(bitmaps_agree_with_a_bool_array)
{
	u64 map[BITMAP_WORDS(200)] = {0};
	bool model[200] = {false};
	struct rand r;

	rand_seed(&r, 3);
	for (int round = 0; round < 2000; round++) {
		size_t start = rand_below(&r, 200), n, want, run;
		bool set = rand_u64(&r) >> 63;

		n = rand_below(&r, 201 - start);
		if (set)
			bitmap_set_range(map, start, n);
		else
			bitmap_clear_range(map, start, n);
		for (size_t i = 0; i < n; i++)
			model[start + i] = set;
		for (want = start; want < 200 && !model[want]; want++)
			;
		EXPECT_EQ(bitmap_find_set(map, 200, start), want);
		for (want = start; want < 200 && model[want]; want++)
			;
		EXPECT_EQ(bitmap_find_clear(map, 200, start), want);
		n = 1 + rand_below(&r, 20);
		for (want = start, run = 0; want < 200 && run < n; want++)
			run = model[want] ? 0 : run + 1;
		EXPECT_EQ(bitmap_find_clear_range(map, 200, start, n),
			  run == n ? want - n : 200);
	}
}

KTEST(byte_order_accessors_swap)
{
	u8 b[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	EXPECT_EQ(get_be16(b + 1), 0x0203);
	EXPECT_EQ(get_be32(b), 0x01020304);
	EXPECT_EQ(get_le32(b + 1), 0x05040302);
	EXPECT_EQ(get_be64(b), 0x0102030405060708);
	put_be32(b, 0xa0b0c0d0);
	EXPECT_EQ(b[0], 0xa0);
	EXPECT_EQ(be32_get(be32_make(77)), 77);
}

struct item {
	int v;
	struct list_head link;
	struct hlist_node hash;
};

KTEST(lists_keep_order_and_survive_removal_while_walking)
{
	struct item items[5], *it, *n;
	LIST_HEAD(head);
	LIST_HEAD(other);
	int sum = 0;

	for (int i = 0; i < 5; i++) {
		items[i].v = i;
		list_add_tail(&items[i].link, &head);
	}
	list_for_each_entry_safe (it, n, &head, link) {
		sum = sum * 10 + it->v;
		if (it->v % 2)
			list_del(&it->link);
	}
	EXPECT_EQ(sum, 1234);
	list_add(&items[1].link, &other);
	list_splice_tail_init(&head, &other);
	sum = 0;
	list_for_each_entry (it, &other, link)
		sum = sum * 10 + it->v;
	EXPECT_EQ(sum, 1024);
	EXPECT_TRUE(list_empty(&head));
}

KTEST(hlists_unlink_from_the_middle)
{
	struct hlist_head head = {NULL};
	struct item items[3], *it;
	struct hlist_node *n;
	int sum = 0;

	for (int i = 0; i < 3; i++) {
		items[i].v = i + 1;
		hlist_add_head(&items[i].hash, &head);
	}
	hlist_del(&items[1].hash);
	EXPECT_TRUE(hlist_unhashed(&items[1].hash));
	hlist_for_each_entry_safe(it, n, &head, hash) sum = sum * 10 + it->v;
	EXPECT_EQ(sum, 31);
}
