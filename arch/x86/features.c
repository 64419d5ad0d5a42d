/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the processor can do, and turning on what we use. */
#include <kernel/cpu.h>
#include <kernel/cpuinfo.h>
#include <kernel/time.h>
#include <lib/printf.h>
#include <lib/string.h>

#include "arch.h"

#define CR4_UMIP     BIT(11)
#define CR4_FSGSBASE BIT(16)
#define CR4_SMEP     BIT(20)
#define CR4_SMAP     BIT(21)

struct cpu_features cpu_features;
static struct cpuinfo infos[CONFIG_NR_CPUS];

/* Leaf 1, 7 and 0x80000001 bits by Linux' names, in its order. */
static const struct {
	u32 leaf;
	u8 reg; /* 0..3: eax ebx ecx edx */
	u8 bit;
	const char *name;
} flag_names[] = {
#define F(leaf, reg, bit, name) {leaf, reg, bit, name},
	F(1, 3, 0, "fpu") F(1, 3, 1, "vme") F(1, 3, 2, "de") F(
		1, 3, 3, "pse") F(1, 3, 4,
				  "tsc") F(1, 3, 5,
					   "msr") F(1, 3, 6,
						    "pae") F(1, 3, 7,
							     "mce") F(1, 3, 8,
								      "cx8")
		F(1, 3, 9, "apic") F(1, 3, 11, "sep") F(1, 3, 12, "mtrr") F(1, 3, 13, "pge") F(1, 3, 14, "mca") F(1, 3, 15, "cmov") F(
			1, 3,
			16, "pat") F(1, 3, 17,
				     "pse36") F(1, 3, 19, "clflush")
			F(1, 3, 23, "mmx") F(1, 3, 24, "fxsr") F(1, 3, 25, "sse") F(1, 3, 26, "sse2") F(1, 3, 28, "ht") F(
				0x80000001,
				3, 11,
				"syscall") F(0x80000001, 3, 20,
					     "nx") F(0x80000001, 3, 26, "pdpe1gb")
				F(0x80000001, 3, 27, "rdtscp") F(0x80000001, 3, 29, "lm") F(
					1, 2, 0,
					"pni") F(1, 2, 1,
						 "pclmulqdq") F(1, 2, 9, "ssse3")
					F(1, 2, 12, "fma") F(1, 2, 13, "cx16") F(1, 2, 19, "sse4_1") F(
						1, 2, 20,
						"sse4_2") F(1, 2, 22, "movbe")
						F(1, 2, 23, "popcnt") F(1, 2, 25, "aes") F(1, 2, 26, "xsave") F(
							1, 2,
							28, "avx") F(1, 2, 29,
								     "f16c") F(1, 2, 30, "rdrand")
							F(1, 2, 31, "hypervisor") F(0x80000001, 2, 0, "lahf_lm") F(
								0x80000001, 2,
								5,
								"abm") F(0x80000001,
									 2,
									 6, "sse4a") F(7, 1, 0, "fsgsbase")
								F(7, 1, 3, "bmi1") F(7, 1, 5, "avx2") F(
									7, 1, 7,
									"smep") F(7, 1, 8, "bmi2")
									F(7, 1, 9, "erms") F(7, 1, 16, "avx512f") F(
										7,
										1,
										18,
										"rdseed") F(7,
											    1, 19, "adx")
										F(7,
										  1,
										  20,
										  "smap") F(7,
											    1,
											    23,
											    "clflushopt")
											F(7,
											  1,
											  24,
											  "clwb")
												F(7,
												  1,
												  29,
												  "sha_ni")
#undef F
};

static struct cpuid leaf_or_none(u32 leaf)
{
	u32 last = cpuid(leaf & 0x80000000, 0).eax;

	return leaf <= last ? cpuid(leaf, 0) : (struct cpuid){0};
}

void features_detect(void)
{
	struct cpuid l1 = cpuid(1, 0), l7 = leaf_or_none(7);
	struct cpuid ext = leaf_or_none(0x80000001);
	struct cpuid power = leaf_or_none(0x80000007);
	struct cpu_features *f = &cpu_features;

	f->x2apic = l1.ecx >> 21 & 1;
	f->tsc_deadline = l1.ecx >> 24 & 1;
	f->tsc_invariant = power.edx >> 8 & 1;
	f->nx = ext.edx >> 20 & 1;
	f->gib_pages = ext.edx >> 26 & 1;
	f->rdtscp = ext.edx >> 27 & 1;
	f->pge = l1.edx >> 13 & 1;
	f->fsgsbase = l7.ebx & 1;
	f->smep = l7.ebx >> 7 & 1;
	f->erms = l7.ebx >> 9 & 1;
	f->invpcid = l7.ebx >> 10 & 1;
	f->avx512 = l7.ebx >> 16 & 1;
	f->rdseed = l7.ebx >> 18 & 1;
	f->smap = l7.ebx >> 20 & 1;
	f->umip = l7.ecx >> 2 & 1;
	f->pku = l7.ecx >> 3 & 1;
	f->fsrm = l7.edx >> 4 & 1;
	f->xsave = l1.ecx >> 26 & 1;
	f->avx = l1.ecx >> 28 & 1;
	f->sse42 = l1.ecx >> 20 & 1;
	f->rdrand = l1.ecx >> 30 & 1;
	f->hypervisor = l1.ecx >> 31;
	f->xsaveopt = f->xsave && (cpuid(0xd, 1).eax & 1);
}

void features_enable(void)
{
	u64 cr4 = read_cr4();

	if (cpu_features.umip)
		cr4 |= CR4_UMIP;
	if (cpu_features.fsgsbase)
		cr4 |= CR4_FSGSBASE;
	if (cpu_features.smep)
		cr4 |= CR4_SMEP;
	if (cpu_features.smap)
		cr4 |= CR4_SMAP;
	write_cr4(cr4);
}

static void read_model_name(struct cpuinfo *info)
{
	char *p = info->model_name;

	if (cpuid(0x80000000, 0).eax < 0x80000004) {
		strscpy(p, "x86-64", sizeof(info->model_name));
		return;
	}
	for (u32 i = 0; i < 3; i++) {
		struct cpuid r = cpuid(0x80000002 + i, 0);

		memcpy(p + i * 16, &r, 16);
	}
	while (*p == ' ')
		p++;
	memmove(info->model_name, p, strlen(p) + 1);
}

void cpuinfo_record(u32 cpu, u32 apic_id)
{
	struct cpuinfo *info = &infos[cpu];
	struct cpuid l0 = cpuid(0, 0), l1 = cpuid(1, 0);
	struct cpuid size = leaf_or_none(0x80000008);

	memcpy(info->vendor, &l0.ebx, 4);
	memcpy(info->vendor + 4, &l0.edx, 4);
	memcpy(info->vendor + 8, &l0.ecx, 4);
	read_model_name(info);
	/* Intel SDM vol. 2, CPUID, figure 3-6: extended family and model. */
	info->family = l1.eax >> 8 & 15;
	info->model = l1.eax >> 4 & 15;
	if (info->family == 6 || info->family == 15)
		info->model |= l1.eax >> 12 & 0xf0;
	if (info->family == 15)
		info->family += l1.eax >> 20 & 0xff;
	info->stepping = l1.eax & 15;
	info->hwcap = l1.edx;
	info->hwcap2 = cpu_features.fsgsbase ? 2 : 0;
	info->cache_line_bytes = (l1.ebx >> 8 & 0xff) * 8;
	info->phys_bits = size.eax ? size.eax & 0xff : 36;
	info->virt_bits = size.eax ? size.eax >> 8 & 0xff : 48;
	info->apic_id = apic_id;
}

const struct cpuinfo *cpuinfo_get(u32 cpu)
{
	infos[cpu].tsc_khz = time_tsc_khz();
	return &infos[cpu];
}

size_t cpuinfo_flags(char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		struct cpuid r = leaf_or_none(flag_names[i].leaf);
		const u32 regs[4] = {r.eax, r.ebx, r.ecx, r.edx};

		if (regs[flag_names[i].reg] >> flag_names[i].bit & 1)
			n += (size_t)scnprintf(buf + n, size - n, "%s%s",
					       n ? " " : "",
					       flag_names[i].name);
	}
	return n;
}
