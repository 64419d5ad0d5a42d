/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DRIVERS_ACPI_H
#define DRIVERS_ACPI_H
/* ACPI's static tables: no interpreter. */
#include <lib/types.h>

/**
 * acpi_init - find the tables. @rsdp: the root pointer, 0 to search for it.
 *
 * Context: boot, after ioremap() works.
 */
void acpi_init(paddr_t rsdp);

/**
 * acpi_table - a table by its signature, checked and mapped.
 *
 * @length: set to its length in bytes, header included.
 * Return: NULL if there is none.
 */
const u8 *acpi_table(const char *signature, u32 *length);

/** acpi_for_each_madt - every interrupt controller structure: e[0] is its
 * type, e[1] its length, which has been checked. */
void acpi_for_each_madt(void (*fn)(void *arg, const u8 *entry), void *arg);

/** acpi_pm_timer_port - I/O port of the PM timer, 0: none. */
u16 acpi_pm_timer_port(void);

/** acpi_poweroff - enter S5. Returns if that did not work. */
void acpi_poweroff(void);
/** acpi_reset - by the reset register. Returns if that did not work. */
void acpi_reset(void);

#endif
