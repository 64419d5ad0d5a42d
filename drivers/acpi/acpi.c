/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables (ACPI 6.4, chapter 5).  For power-off the sleep type of S5 is
 * needed, which is in AML: the package named _S5_ is looked for by its bytes,
 * which is how everybody without an interpreter does it.
 */
#define pr_fmt(fmt) "acpi: " fmt
#include <drivers/acpi.h>

#include <arch/x86/io.h>
#include <kernel/log.h>
#include <lib/byteorder.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/phys.h>
#include <mm/vmap.h>

#define TABLES_MAX   64
#define HEADER_BYTES 36

/* FADT offsets (5.2.9). */
#define FADT_DSDT       40
#define FADT_SMI_CMD    48
#define FADT_PM1A_CNT   64
#define FADT_PM1B_CNT   68
#define FADT_PM_TMR     76
#define FADT_FLAGS      112
#define FADT_RESET_REG  116
#define FADT_RESET_VAL  128
#define FADT_FLAG_RESET BIT(10)

#define SLEEP_ENABLE BIT(13)

static const u8 *tables[TABLES_MAX];
static int nr_tables;

static const void *map(paddr_t paddr, size_t n)
{
	if (phys_is_ram(paddr) && phys_is_ram(paddr + n - 1))
		return kaddr_of(paddr);
	return ioremap(paddr, n);
}

static bool sum_ok(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum = (u8)(sum + *p++);
	return !sum;
}

/* Map the table at @paddr. Return: NULL if it is not sound. */
static const u8 *map_table(paddr_t paddr)
{
	const u8 *t = map(paddr, HEADER_BYTES);
	u32 length = t ? get_le32(t + 4) : 0;

	if (length < HEADER_BYTES || length > 16u << 20)
		return NULL;
	t = map(paddr, length);
	return t && sum_ok(t, length) ? t : NULL;
}

static const u8 *find_rsdp(paddr_t rsdp)
{
	const u8 *area;

	if (rsdp) {
		/* Given by the loader, in RAM or in the image. */
		return map(rsdp, 36);
	}
	/* The BIOS area is no RAM for the direct map. */
	area = ioremap(0xe0000, 0x20000);
	if (!area)
		return NULL;
	for (size_t i = 0; i + 36 <= 0x20000; i += 16)
		if (!memcmp(area + i, "RSD PTR ", 8) && sum_ok(area + i, 20))
			return area + i;
	return NULL;
}

void acpi_init(paddr_t rsdp)
{
	const u8 *root = find_rsdp(rsdp), *sdt;
	bool wide;
	u32 n;

	if (!root || memcmp(root, "RSD PTR ", 8)) {
		pr_warn("no root pointer: one CPU, no PCI Express");
		return;
	}
	wide = root[15] >= 2 && get_le64(root + 24);
	sdt = map_table(wide ? get_le64(root + 24) : get_le32(root + 16));
	if (!sdt) {
		pr_warn("the root table is not sound");
		return;
	}
	n = (get_le32(sdt + 4) - HEADER_BYTES) / (wide ? 8 : 4);
	for (u32 i = 0; i < n && nr_tables < TABLES_MAX; i++) {
		const u8 *e = sdt + HEADER_BYTES + i * (wide ? 8 : 4);
		const u8 *t = map_table(wide ? get_le64(e) : get_le32(e));

		if (t)
			tables[nr_tables++] = t;
	}
}

const u8 *acpi_table(const char *signature, u32 *length)
{
	for (int i = 0; i < nr_tables; i++) {
		if (!memcmp(tables[i], signature, 4)) {
			*length = get_le32(tables[i] + 4);
			return tables[i];
		}
	}
	return NULL;
}

void acpi_for_each_madt(void (*fn)(void *arg, const u8 *entry), void *arg)
{
	u32 length;
	const u8 *madt = acpi_table("APIC", &length);

	if (!madt)
		return;
	for (u32 pos = 44; pos + 2 <= length; pos += madt[pos + 1]) {
		u8 size = madt[pos + 1];

		if (size < 2 || pos + size > length)
			break;
		fn(arg, madt + pos);
	}
}

static const u8 *fadt(u32 min_length)
{
	u32 length;
	const u8 *t = acpi_table("FACP", &length);

	return t && length >= min_length ? t : NULL;
}

u16 acpi_pm_timer_port(void)
{
	const u8 *t = fadt(FADT_PM_TMR + 4);

	return t ? (u16)get_le32(t + FADT_PM_TMR) : 0;
}

/* Number at @p: ZeroOp, OneOp, or BytePrefix and a byte. */
static u8 aml_small_number(const u8 **p)
{
	if (**p == 0x0a)
		(*p)++;
	return *(*p)++;
}

static bool find_s5(const u8 *dsdt, u8 *type_a, u8 *type_b)
{
	u32 length = get_le32(dsdt + 4);

	for (u32 i = HEADER_BYTES; i + 16 < length; i++) {
		const u8 *p = dsdt + i + 4;

		/* NameOp, maybe a root prefix; then PackageOp. */
		if (memcmp(dsdt + i, "_S5_", 4) || *p != 0x12)
			continue;
		p += 2 + (p[1] >> 6); /* PkgLength */
		p++;                  /* number of elements */
		*type_a = aml_small_number(&p);
		*type_b = aml_small_number(&p);
		return true;
	}
	return false;
}

void acpi_poweroff(void)
{
	const u8 *t = fadt(FADT_PM1B_CNT + 4);
	const u8 *dsdt = t ? map_table(get_le32(t + FADT_DSDT)) : NULL;
	u8 a, b;

	if (!dsdt || !find_s5(dsdt, &a, &b))
		return;
	outw((u16)(SLEEP_ENABLE | a << 10), (u16)get_le32(t + FADT_PM1A_CNT));
	if (get_le32(t + FADT_PM1B_CNT))
		outw((u16)(SLEEP_ENABLE | b << 10),
		     (u16)get_le32(t + FADT_PM1B_CNT));
}

void acpi_reset(void)
{
	const u8 *t = fadt(FADT_RESET_VAL + 1);

	/* Address space 1: I/O ports. */
	if (t && get_le32(t + FADT_FLAGS) & FADT_FLAG_RESET &&
	    t[FADT_RESET_REG] == 1)
		outb(t[FADT_RESET_VAL], (u16)get_le64(t + FADT_RESET_REG + 4));
}
