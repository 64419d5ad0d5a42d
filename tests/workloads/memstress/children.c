/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that go on with a copy of a thread's own arena. */
#define _GNU_SOURCE
#include "model.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t child_value(uint64_t serial, uint64_t id)
{
	return mix(mix(seed ^ serial << 32 ^ self->number) ^ id);
}

/* What it leaves in page @index of the file. */
static uint64_t child_file_value(uint64_t serial, unsigned index)
{
	return child_value(serial, ~(uint64_t)index);
}

/* Leave word in every page that the parent sees too. */
static void sign_shared(unsigned slot, uint64_t serial)
{
	for (unsigned i = 0; i < arena->nr_pages; i++) {
		struct page *page = &arena->pages[i];
		uint64_t value = child_value(serial, page->id);

		if (page->kind != SHARED)
			continue;
		if (mprotect(page_at(i), PAGE, PROT_READ | PROT_WRITE))
			fail("mprotect: %s", strerror(errno));
		page->prot = PROT_READ | PROT_WRITE;
		page->run = ++arena->last_run;
		((uint64_t *)page_at(i))[slot_word(slot)] = value;
		note_write(page, slot, value);
	}
}

/* And in every page of the file: through mappings, the rest by pwrite(). */
static void sign_file(unsigned slot, uint64_t serial)
{
	bool is_signed[NR_TMP_PAGES] = {false};

	for (unsigned i = 0; i < arena->nr_pages; i++) {
		struct page *page = &arena->pages[i];
		uint64_t value = child_file_value(serial, page->index);

		if (page->kind != TMP_SHARED ||
		    signal_of(page, PROT_READ | PROT_WRITE))
			continue;
		((uint64_t *)page_at(i))[slot_word(slot)] = value;
		note_write(page, slot, value);
		is_signed[page->index] = true;
	}
	for (unsigned i = 0; i < arena->nr_tmp_pages; i++) {
		uint64_t value = child_file_value(serial, i);

		if (is_signed[i])
			continue;
		if (pwrite(arena->tmp_fd, &value, 8,
			   i * PAGE + slot_word(slot) * 8) != 8)
			fail("pwrite: %s", strerror(errno));
		content_write(&arena->tmp[i], slot, value);
	}
}

static void child_main(unsigned index, uint64_t serial)
{
	unsigned slot = NR_SLOTS_OWN + index;
	uint64_t seen[NR_EXCHANGE], then[NR_EXCHANGE];

	self->child_index = (int)index;
	self->op = "start";
	self->seed = mix(self->seed ^ serial);
	if (pipe(self->pipe))
		fail("pipe: %s", strerror(errno));
	exchange_look(seen);
	sign_shared(slot, serial);
	sign_file(slot, serial);
	for (unsigned i = 0; i < arena->nr_pages; i++)
		if (!signal_of(&arena->pages[i], PROT_READ))
			check_slot(&arena->pages[i], (uint64_t *)page_at(i),
				   below(NR_SLOTS));
	steps(CHILD_STEPS);
	self->op = "exchange";
	exchange_look(then);
	if (memcmp(seen, then, sizeof(seen)))
		fail("memory changes that only the parent writes to");
	_exit(0);
}

bool has_children(void)
{
	for (unsigned i = 0; i < CHILDREN_MAX; i++)
		if (self->children[i].pid)
			return true;
	return false;
}

void child_reap(unsigned index)
{
	struct child *child = &self->children[index];
	unsigned slot = NR_SLOTS_OWN + index;
	int status;

	if (waitpid(child->pid, &status, 0) != child->pid)
		fail("waitpid: %s", strerror(errno));
	if (status)
		fail("a child ends with status %x", status);
	child->pid = 0;
	for (unsigned i = 0; i < arena->nr_pages; i++) {
		struct page *page = &arena->pages[i];

		if (page->kind == SHARED && page->id <= child->last_id)
			note_write(page, slot,
				   child_value(child->serial, page->id));
	}
	for (unsigned i = 0; i < arena->nr_tmp_pages; i++)
		content_write(&arena->tmp[i], slot,
			      child_file_value(child->serial, i));
}

/* A child more, or the end of one. */
void op_fork(void)
{
	unsigned index = below(CHILDREN_MAX);
	struct child *child = &self->children[index];

	if (self->child_index >= 0 || arena != &self->own)
		return;
	if (child->pid) {
		child_reap(index);
		return;
	}
	child->serial = self->nr_forks++;
	child->last_id = arena->last_id;
	child->pid = fork();
	if (child->pid < 0)
		fail("fork: %s", strerror(errno));
	if (!child->pid)
		child_main(index, child->serial);
}
