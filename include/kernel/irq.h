/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H
/*
 * Device interrupts.  MSI and MSI-X are edges and get a vector on one CPU;
 * legacy lines go through the I/O APIC by their GSI.
 */
#include <lib/types.h>

/* Runs with interrupts off; never sleeps; the APIC is told by the caller. */
typedef void (*irq_handler_t)(void *arg);

/**
 * irq_alloc - take a vector on @cpu for an MSI or MSI-X source.
 *
 * Context: thread.
 * Return: the vector (> 0), -EINVAL for a CPU that is not online, -ENOSPC.
 */
int __must_check irq_alloc(irq_handler_t fn, void *arg, u32 cpu,
			   const char *name);

/**
 * irq_free - give the vector back; its handler is not running afterwards.
 *
 * The device has been told to be quiet before.  Context: thread.
 */
void irq_free(int vector, u32 cpu);

/** irq_msi_message - what a device writes where to raise @vector on @cpu. */
void irq_msi_message(int vector, u32 cpu, u64 *msi_paddr, u32 *msi_data);

/**
 * irq_request_gsi - connect a legacy line (edge or level as the firmware
 * says; ISA IRQ numbers are mapped with irq_isa_to_gsi()).
 *
 * Context: thread.
 * Return: 0, -ENODEV without an I/O APIC for it, or as irq_alloc().
 */
int __must_check irq_request_gsi(u32 gsi, irq_handler_t fn, void *arg,
				 const char *name);
u32 irq_isa_to_gsi(u32 isa_irq);

/** irq_for_each - for /proc/interrupts: every vector that is in use. */
void irq_for_each(void (*fn)(void *arg, u32 cpu, int vector, const char *name,
			     u64 count),
		  void *arg);

#endif
