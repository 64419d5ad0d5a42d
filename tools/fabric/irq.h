/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_IRQ_H
#define FABRIC_IRQ_H

/*
 * Interrupts: eventfds that the vfio-user client gave us.
 *
 * A vector without an eventfd (masked, or not enabled yet) remembers that it
 * was raised; it is delivered with the eventfd, and until then shows in the
 * pending-bit array.  INTx is a level: it stays asserted until the driver
 * writes the card's clr_int word, and is masked by each delivery.
 */
#include "pci_config.h"
#include "vfio_user.h"

struct irqs {
	int msix_fds[NR_VECTORS];
	bool is_pending[NR_VECTORS];
	int intx_fd;
	bool is_intx_asserted, is_intx_masked;
	unsigned int nr_msix_fds;
};

void irqs_init(struct irqs *irqs);

/* Close every eventfd: the client has gone. */
void irqs_release(struct irqs *irqs);

/* Forget what is pending; keep the eventfds: the card was reset. */
void irqs_forget(struct irqs *irqs);

void irqs_raise_msix(struct irqs *irqs, unsigned int vector);
void irqs_raise_intx(struct irqs *irqs);
void irqs_clear_intx(struct irqs *irqs);

/* SET_IRQS of the client; the range is checked.  Return: 0 or -EINVAL. */
int irqs_set(struct irqs *irqs, struct vfu_irq_set *set);

#endif /* FABRIC_IRQ_H */
