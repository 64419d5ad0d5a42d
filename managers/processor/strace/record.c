/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of calls: begun, announced if they take long, ended. */
#include "record.h"

#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/string.h>
#include <mm/slab.h>

#include "ring.h"

#define ANNOUNCE_AFTER_NS (100 * NSEC_PER_MSEC)

static DEFINE_SPINLOCK(records_lock, LOCK_LEAF);
static LIST_HEAD(records); /* of all traced tasks [records_lock] */

struct call_record *record_create(void)
{
	struct call_record *record = kzalloc(sizeof(*record));

	if (!record)
		return NULL;
	record->d.read = copy_from_user;
	spin_lock(&records_lock);
	list_add_tail(&record->in_all, &records);
	spin_unlock(&records_lock);
	return record;
}

void record_free(struct call_record *record)
{
	spin_lock(&records_lock);
	list_del(&record->in_all);
	spin_unlock(&records_lock);
	kfree(record);
}

/* Return: the state before. */
static enum record_state change_state(struct call_record *record,
				      enum record_state state)
{
	enum record_state old;

	spin_lock(&records_lock);
	old = record->state;
	record->state = state;
	spin_unlock(&records_lock);
	return old;
}

void record_begin(struct call_record *record, const struct call_info *call,
		  const u64 *args, u32 tid, bool is_quiet)
{
	struct decoder *d = &record->d;

	record->is_quiet = is_quiet;
	record->tid = tid;
	d->call = call;
	memcpy(d->args, args, sizeof(d->args));
	if (!is_quiet) {
		text_init(&d->text, record->line, sizeof(record->line));
		decode_begin(d);
		record->begun_len = d->text.len;
	}
	record->begun_ns = time_mono_ns();
	if (!is_quiet && call_does_return(call))
		change_state(record, RECORD_OPEN);
}

/* What was announced is not said again. */
static void put_line(struct call_record *record, bool was_announced)
{
	struct text *text = &record->d.text;
	char line[RECORD_LINE_BYTES];
	struct text rest;

	if (!was_announced) {
		trace_ring_put(TRACE_CALL, record->begun_ns, record->tid,
			       text->buf, text->len);
		return;
	}
	text_init(&rest, line, sizeof(line));
	text_add(&rest, "<... %s resumed>%s", record->d.call->name,
		 text->buf + record->begun_len);
	trace_ring_put(TRACE_CALL, time_mono_ns(), record->tid, rest.buf,
		       rest.len);
}

void record_end(struct call_record *record, s64 result, u64 time_ns)
{
	struct text *text = &record->d.text;
	u64 us = time_ns / NSEC_PER_USEC;
	enum record_state old;

	if (record->is_quiet)
		return;
	old = change_state(record, RECORD_IDLE);
	record->d.result = result;
	if (call_does_return(record->d.call))
		decode_end(&record->d);
	else
		text_add(text, ") = ?");
	/* The time is said even if the line is too long. */
	if (text_is_full(text)) {
		text->len -= 32;
		text_add(text, "...");
	}
	if (call_does_return(record->d.call))
		text_add(text, " <%lu.%06lu>", us / 1000000, us % 1000000);
	put_line(record, old == RECORD_ANNOUNCED);
}

/* One call that takes long and is not announced; its line goes to @line. */
static bool find_long_call(char *line, size_t size, u32 *tid, u64 *begun_ns)
{
	u64 now_ns = time_mono_ns();
	struct call_record *record;
	struct text text;
	bool is_found = false;

	text_init(&text, line, size);
	spin_lock(&records_lock);
	list_for_each_entry (record, &records, in_all) {
		if (record->state != RECORD_OPEN ||
		    now_ns - record->begun_ns < ANNOUNCE_AFTER_NS)
			continue;
		record->state = RECORD_ANNOUNCED;
		text_add(&text, "%.*s <unfinished ...>", (int)record->begun_len,
			 record->line);
		*tid = record->tid;
		*begun_ns = record->begun_ns;
		is_found = true;
		break;
	}
	spin_unlock(&records_lock);
	return is_found;
}

void records_announce(void)
{
	char line[RECORD_LINE_BYTES + 32];
	u64 begun_ns;
	u32 tid;

	while (find_long_call(line, sizeof(line), &tid, &begun_ns))
		trace_ring_put(TRACE_CALL, begun_ns, tid, line, strlen(line));
}
