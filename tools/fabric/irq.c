/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "irq.h"

#include <errno.h>
#include <unistd.h>

enum { ACTIONS = VFU_IRQ_MASK | VFU_IRQ_UNMASK | VFU_IRQ_TRIGGER };

/* An eventfd whose counter is full has an interrupt on its way anyway. */
static void signal_fd(int fd)
{
	u64 one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
}

static void replace_fd(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

void irqs_init(struct irqs *irqs)
{
	*irqs = (struct irqs){.intx_fd = -1};
	for (unsigned int i = 0; i < NR_VECTORS; i++)
		irqs->msix_fds[i] = -1;
}

void irqs_release(struct irqs *irqs)
{
	for (unsigned int i = 0; i < NR_VECTORS; i++)
		replace_fd(&irqs->msix_fds[i], -1);
	replace_fd(&irqs->intx_fd, -1);
	irqs_init(irqs);
}

void irqs_forget(struct irqs *irqs)
{
	for (unsigned int i = 0; i < NR_VECTORS; i++)
		irqs->is_pending[i] = false;
	irqs->is_intx_asserted = false;
}

void irqs_raise_msix(struct irqs *irqs, unsigned int vector)
{
	if (vector >= NR_VECTORS)
		return;
	if (irqs->msix_fds[vector] >= 0)
		signal_fd(irqs->msix_fds[vector]);
	else
		irqs->is_pending[vector] = true;
}

static void deliver_intx(struct irqs *irqs)
{
	if (!irqs->is_intx_asserted || irqs->is_intx_masked ||
	    irqs->intx_fd < 0)
		return;
	irqs->is_intx_masked = true;
	signal_fd(irqs->intx_fd);
}

void irqs_raise_intx(struct irqs *irqs)
{
	irqs->is_intx_asserted = true;
	deliver_intx(irqs);
}

void irqs_clear_intx(struct irqs *irqs)
{
	irqs->is_intx_asserted = false;
}

static void msix_fd_set(struct irqs *irqs, unsigned int vector, int fd)
{
	irqs->nr_msix_fds -= irqs->msix_fds[vector] >= 0;
	irqs->nr_msix_fds += fd >= 0;
	replace_fd(&irqs->msix_fds[vector], fd);
	if (fd >= 0 && irqs->is_pending[vector]) {
		irqs->is_pending[vector] = false;
		signal_fd(fd);
	}
}

static int take_fd(struct vfu_irq_set *set, unsigned int i)
{
	int fd = -1;

	if (i < set->nr_fds) {
		fd = set->fds[i];
		set->fds[i] = -1;
	}
	return fd;
}

static int set_msix(struct irqs *irqs, struct vfu_irq_set *set)
{
	if (!(set->flags & VFU_IRQ_TRIGGER))
		return -EINVAL;
	if ((set->flags & VFU_IRQ_DATA_NONE) && !set->count) {
		for (unsigned int i = 0; i < NR_VECTORS; i++)
			msix_fd_set(irqs, i, -1);
		return 0;
	}
	for (u32 i = 0; i < set->count; i++) {
		if (set->flags & VFU_IRQ_DATA_EVENTFD)
			msix_fd_set(irqs, set->start + i, take_fd(set, i));
		else if ((set->flags & VFU_IRQ_DATA_NONE) || set->data[i])
			irqs_raise_msix(irqs, set->start + i);
	}
	return 0;
}

static int set_intx(struct irqs *irqs, struct vfu_irq_set *set)
{
	switch (set->flags & ACTIONS) {
	case VFU_IRQ_TRIGGER:
		if (!(set->flags & VFU_IRQ_DATA_EVENTFD) && set->count)
			return -EINVAL;
		replace_fd(&irqs->intx_fd, take_fd(set, 0));
		irqs->is_intx_masked = false;
		break;
	case VFU_IRQ_MASK:
		irqs->is_intx_masked = true;
		return 0;
	case VFU_IRQ_UNMASK:
		/* with an eventfd: for KVM's resampling, which we lack */
		if (set->flags & VFU_IRQ_DATA_EVENTFD)
			return -EINVAL;
		irqs->is_intx_masked = false;
		break;
	default:
		return -EINVAL;
	}
	deliver_intx(irqs);
	return 0;
}

int irqs_set(struct irqs *irqs, struct vfu_irq_set *set)
{
	switch (set->index) {
	case VFU_IRQ_MSIX:
		return set_msix(irqs, set);
	case VFU_IRQ_INTX:
		return set_intx(irqs, set);
	}
	return -EINVAL;
}
