/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Switching off and restarting. */
#define pr_fmt(fmt) "machine: " fmt
#include <arch/x86/io.h>
#include <drivers/acpi.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/time.h>

#include "arch.h"

void machine_poweroff(void)
{
	irq_disable();
	acpi_poweroff();
	/* QEMU's isa-debug-exit, where it was asked for. */
	outl(0, 0xf4);
	udelay(2000000); /* the machine stops a little later */
	pr_err("power-off did not work; halted");
	for (;;)
		__asm__ volatile("cli; hlt");
}

void machine_reboot(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed no_idt = {0, 0};

	irq_disable();
	acpi_reset();
	outb(0x06, 0xcf9); /* Intel chip sets' reset control */
	outb(0xfe, 0x64);  /* keyboard controller */
	__asm__ volatile("lidt %0; int3" ::"m"(no_idt));
	for (;;)
		;
}
