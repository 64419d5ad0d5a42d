/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers, interrupts, reset, attachment. */
#include "card.h"
#include "be.h"
#include "cmd.h"
#include "fabric.h"
#include "log.h"
#include "sma.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* BAR0 */
enum {
	REG_HCR = 0x80680,
	REG_HCR_GO = REG_HCR + 4 * (HCR_DWORDS - 1),
	REG_OWNER = 0x8069c,
	REG_RESET = 0xf0010,
	REG_RESET_LOCK = 0xf03fc,
	HCR_GO = 1 << 23,
	RESET_NOW = 1,
};

/* BAR2: doorbell pages in the first half */
enum {
	UAR_BYTES = BAR2_BYTES / 2,
	DOORBELL_SEND = 0x014,
	DOORBELL_CQ = 0x020,
	DOORBELL_CQ_LOW = 0x024,
	DOORBELL_EQ = 0x800,
	EQS_PER_PAGE = 4,
	BLUEFLAME_BUFFER = 256, /* two to a register */
	BLUEFLAME_QPN = 4,
};

static const u64 guid_base = 0x0002c90300000000ull;

void card_interrupt(struct card *card, unsigned int vector)
{
	bool is_msix = card->config.bytes[0x9f] & 0x80;

	if (is_msix || card->irqs.nr_msix_fds)
		irqs_raise_msix(&card->irqs, vector);
	else
		irqs_raise_intx(&card->irqs);
}

void card_close_hca(struct card *card)
{
	qp_destroy_all(card);
	srq_destroy_all(card);
	cq_destroy_all(card);
	free(card->eqs);
	card->eqs = NULL;
	card->nr_eqs = 0;
	for (int i = 0; i < NR_EVENT_TYPES; i++)
		card->event_eqn[i] = NO_EQ;
	free(card->mcgs);
	card->mcgs = NULL;
	card->special_base = 0;
	for (unsigned int i = 0; i < card->nr_ports; i++) {
		if (!card->ports[i].is_enabled)
			continue;
		card->ports[i].is_enabled = false;
		switch_link_changed(&card->fabric->sw, &card->ports[i]);
	}
	memset(&card->hca, 0, sizeof(card->hca));
	if (card->state == HCA_UP)
		card->state = HCA_RUNNING;
}

/* What the card's agent says is as the fabric was told, not the host. */
static void reset_agent(struct card *card)
{
	memcpy(card->node_description, card->own_description,
	       sizeof(card->node_description));
	for (unsigned int i = 0; i < card->nr_ports; i++)
		sma_init_port(&card->ports[i]);
}

void card_reset(struct card *card, const char *why)
{
	if (card->state != HCA_RESET)
		log_info(card->name, "reset (%s)", why);
	card_close_hca(card);
	icm_clear(&card->icm);
	irqs_forget(&card->irqs);
	memset(card->hcr, 0, sizeof(card->hcr));
	card->state = HCA_RESET;
	card->has_fa = false;
	card->is_owned = false;
	card->is_reset_locked = false;
	reset_agent(card);
}

void card_configure(struct card *card, const struct card_plan *plan)
{
	if (plan->guid)
		card->node_guid = plan->guid;
	if (plan->description[0])
		memcpy(card->own_description, plan->description,
		       sizeof(card->own_description));
	for (unsigned int i = 0; i < card->nr_ports; i++)
		card->ports[i].plan = plan->ports[i];
	reset_agent(card);
}

void card_pause(struct card *card, bool is_paused)
{
	if (card->is_paused == is_paused)
		return;
	card->is_paused = is_paused;
	vfu_server_pause(&card->server, is_paused);
	if (!is_paused)
		qp_resume_all(card);
}

struct card_port *card_port(struct card *card, u32 number)
{
	if (number < 1 || number > card->nr_ports)
		return NULL;
	return &card->ports[number - 1];
}

void card_port_changed(struct card_port *port, u32 changed)
{
	struct event event = {.type = EVENT_PORT_CHANGE};
	struct card *card = port->card;

	put32(event.data + 8, (u32)port->number << 28);
	if (changed & (PORT_CHANGED_ACTIVE | PORT_CHANGED_DOWN)) {
		event.subtype = changed & PORT_CHANGED_ACTIVE
					? PORT_CHANGE_ACTIVE
					: PORT_CHANGE_DOWN;
		log_info(card->name, "port %u is %s, LID %u", port->number,
			 changed & PORT_CHANGED_ACTIVE ? "active" : "down",
			 port_lid(&port->ib));
		event_post(card, &event);
	}
	changed &= 0x1f;
	if (!changed)
		return;
	event = (struct event){.type = EVENT_PORT_MANAGEMENT, .subtype = 0x15};
	event.data[7 - 4] = port->number;
	put16(event.data + 8 - 4, port_sm_lid(&port->ib));
	put16(event.data + 10 - 4, port_lid(&port->ib));
	put32(event.data + 12 - 4, changed);
	event.data[0x13 - 4] = port->ib.info[36] & 0xf;
	put64(event.data + 0x14 - 4, port_gid_prefix(&port->ib));
	event_post(card, &event);
}

void card_table_changed(struct card_port *port, enum port_table table,
			u32 block, u32 entries)
{
	struct event event = {.type = EVENT_PORT_MANAGEMENT,
			      .subtype = (u8)table};

	event.data[7 - 4] = port->number;
	put32(event.data + 8 - 4, block);
	put32(event.data + 12 - 4, entries);
	event_post(port->card, &event);
}

static u32 take(bool *flag)
{
	u32 was = *flag;

	*flag = true;
	return was;
}

static u32 pba_dword(const struct card *card, u64 offset)
{
	u32 bits = 0; /* little-endian: PCI's, not the card's */

	for (unsigned int i = 0; i < 32; i++) {
		unsigned int vector = (unsigned int)offset * 8 + i;

		if (vector < NR_VECTORS && card->irqs.is_pending[vector])
			bits |= 1u << i;
	}
	return __builtin_bswap32(bits);
}

static u32 bar0_read(struct card *card, u64 offset)
{
	if (offset >= REG_HCR && offset <= REG_HCR_GO)
		return card->hcr[(offset - REG_HCR) / 4];
	if (offset >= MSIX_PBA_OFFSET && offset < MSIX_PBA_OFFSET + 16)
		return pba_dword(card, offset - MSIX_PBA_OFFSET);
	switch (offset) {
	case REG_OWNER:
		return take(&card->is_owned);
	case REG_RESET_LOCK:
		return take(&card->is_reset_locked);
	}
	return 0;
}

static void bar0_write(struct card *card, u64 offset, u32 value)
{
	if (offset >= REG_HCR && offset <= REG_HCR_GO) {
		card->hcr[(offset - REG_HCR) / 4] = value;
		if (offset == REG_HCR_GO && (value & HCR_GO))
			cmd_execute(card);
		return;
	}
	switch (offset) {
	case REG_OWNER:
		card->is_owned = value != 0;
		break;
	case REG_RESET_LOCK:
		card->is_reset_locked = value != 0;
		break;
	case REG_RESET:
		if (value & RESET_NOW)
			card_reset(card, "register");
		break;
	case REG_CLEAR_INT:
	case REG_CLEAR_INT + 4:
		irqs_clear_intx(&card->irqs);
		break;
	}
}

/*
 * A request comes by itself, 8 bytes a write.  It stands in its ring, too, and
 * is taken from there: all it brings is its queue pair's doorbell.
 */
static void blueflame_write(struct card *card, u64 offset, u32 value)
{
	if (!card->fabric->has_blueflame) {
		card->stats.bad_doorbells++;
	} else if (offset % BLUEFLAME_BUFFER == BLUEFLAME_QPN) {
		card->stats.doorbells++;
		card->stats.blueflame_doorbells++;
		qp_doorbell(card, value >> 8);
	}
}

static void bar2_write(struct card *card, u64 offset, u32 value)
{
	u64 page = offset / 4096, in_page = offset % 4096;

	if (card->state != HCA_UP) {
		card->stats.bad_doorbells++;
		return;
	}
	if (offset >= UAR_BYTES) {
		blueflame_write(card, offset, value);
		return;
	}
	card->stats.doorbells++;
	if (in_page == DOORBELL_SEND)
		qp_doorbell(card, value >> 8);
	else if (in_page == DOORBELL_CQ)
		card->cq_doorbell = value; /* its other half comes now */
	else if (in_page == DOORBELL_CQ_LOW)
		cq_doorbell(card, card->cq_doorbell, value);
	else if (in_page >= DOORBELL_EQ &&
		 in_page < DOORBELL_EQ + 8 * EQS_PER_PAGE && in_page % 8 == 0)
		eq_doorbell(card,
			    (u32)(page * EQS_PER_PAGE +
				  (in_page - DOORBELL_EQ) / 8),
			    value);
	else
		card->stats.bad_doorbells++;
}

/* Registers are dwords; a quadword is two; smaller ones do not work. */
static int region_read(void *device, u32 region, u64 offset, u8 *data,
		       u32 count)
{
	struct card *card = device;

	if (region == VFU_REGION_CONFIG) {
		pci_config_read(&card->config, offset, data, count);
		return 0;
	}
	card->stats.register_reads++;
	if (region != 0 || offset % 4 || count % 4)
		return 0;
	for (u32 i = 0; i < count; i += 4)
		put32(data + i, bar0_read(card, offset + i));
	return 0;
}

static int region_write(void *device, u32 region, u64 offset, const u8 *data,
			u32 count)
{
	struct card *card = device;

	if (region == VFU_REGION_CONFIG) {
		if (pci_config_write(&card->config, offset, data, count))
			card_reset(card, "function-level reset");
		return 0;
	}
	if (offset % 4 || count % 4) {
		log_warn(card->name,
			 "BAR%u: write of %u byte(s) at 0x%llx ignored", region,
			 count, (unsigned long long)offset);
		return 0;
	}
	for (u32 i = 0; i < count; i += 4) {
		if (region == 0)
			bar0_write(card, offset + i, get32(data + i));
		else
			bar2_write(card, offset + i, get32(data + i));
	}
	return 0;
}

static u64 region_size(void *device, u32 region)
{
	(void)device;
	switch (region) {
	case 0:
		return BAR0_BYTES;
	case 2:
		return BAR2_BYTES;
	case VFU_REGION_CONFIG:
		return PCI_CONFIG_BYTES;
	}
	return 0;
}

static u32 nr_vectors(void *device, u32 irq_index)
{
	(void)device;
	switch (irq_index) {
	case VFU_IRQ_INTX:
		return 1;
	case VFU_IRQ_MSIX:
		return NR_VECTORS;
	}
	return 0;
}

static int dma_map(void *device, u64 iova, u64 size, bool is_writable, int fd,
		   u64 fd_offset)
{
	struct card *card = device;
	int err;

	log_debug(card->name, "map 0x%llx + 0x%llx%s%s",
		  (unsigned long long)iova, (unsigned long long)size,
		  is_writable ? "" : " read-only",
		  fd < 0 ? " (no memory)" : "");
	if (fd < 0 && is_writable && size >= 1 << 20)
		log_err(card->name,
			"the guest's memory is not shared: start QEMU with "
			"-object memory-backend-memfd,share=on,... and "
			"-machine memory-backend=...");
	err = dma_map_add(&card->dma, iova, size, is_writable, fd, fd_offset);
	if (err)
		log_warn(card->name, "map 0x%llx + 0x%llx: %s",
			 (unsigned long long)iova, (unsigned long long)size,
			 strerror(-err));
	return err;
}

static int dma_unmap(void *device, u64 iova, u64 size, bool all)
{
	struct card *card = device;

	log_debug(card->name, "unmap 0x%llx + 0x%llx%s",
		  (unsigned long long)iova, (unsigned long long)size,
		  all ? " (all)" : "");
	if (all) {
		dma_map_clear(&card->dma);
		return 0;
	}
	return dma_map_remove(&card->dma, iova, size);
}

static int set_irqs(void *device, struct vfu_irq_set *set)
{
	struct card *card = device;

	return irqs_set(&card->irqs, set);
}

static void machine_reset(void *device)
{
	card_reset(device, "machine");
}

static void attached(void *device)
{
	struct card *card = device;

	pci_config_init(&card->config);
	card->said_no_master = 0;
}

static void detached(void *device)
{
	struct card *card = device;

	card_pause(card, false);
	card_reset(card, "the machine went away");
	dma_map_clear(&card->dma);
	irqs_release(&card->irqs);
	pci_config_init(&card->config);
}

static const struct vfu_ops card_ops = {
	.dma_map = dma_map,
	.dma_unmap = dma_unmap,
	.region_read = region_read,
	.region_write = region_write,
	.set_irqs = set_irqs,
	.reset = machine_reset,
	.attached = attached,
	.detached = detached,
	.region_size = region_size,
	.nr_vectors = nr_vectors,
};

static void open_port(struct card *card, unsigned int i)
{
	struct card_port *port = &card->ports[i];

	port->card = card;
	port->number = (u8)(i + 1);
	port->uplink = fabric_add_port(card->fabric, port);
	if (card->nr_ports == 1)
		snprintf(port->name, sizeof(port->name), "%u",
			 (u8)(card->index + 1));
	else
		snprintf(port->name, sizeof(port->name), "%u:%u",
			 (u8)(card->index + 1), port->number);
}

int card_open(struct card *card, struct fabric *fabric, unsigned int index,
	      const struct card_plan *plan, const char *path)
{
	memset(card, 0, sizeof(*card));
	card->fabric = fabric;
	card->index = index;
	card->node_guid = guid_base + 0x10 * (index + 1);
	snprintf(card->name, sizeof(card->name), "card %u", index + 1);
	snprintf(card->own_description, sizeof(card->own_description),
		 "brick-fabric card %u", index + 1);
	card->nr_ports = card_plan_nr_ports(plan);
	for (unsigned int i = 0; i < card->nr_ports; i++)
		open_port(card, i);
	pci_config_init(&card->config);
	irqs_init(&card->irqs);
	card_reset(card, "start");
	return vfu_server_open(&card->server, path, &card_ops, card,
			       card->name);
}

void card_close(struct card *card)
{
	vfu_server_close(&card->server);
	card_close_hca(card);
	icm_clear(&card->icm);
}
