/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line of a call, and all arguments that are no structures. */
#include "decode.h"

#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/proc/clone.h>
#include <managers/processor/proc/futex.h>
#include <uapi/fs.h>
#include <uapi/socket.h>
#include <uapi/termios.h>

#include "decode_internal.h"

/* ---- the tables -------------------------------------------------------- */

enum when { IN, OUT, BOTH };

static const struct kind_info {
	void (*show)(struct decoder *d, u32 i);
	const struct names *names; /* if there is no function */
	enum when when;
} kinds[NR_KINDS] = {
#define KIND(name, when_, function) \
	[KIND_##name] = {.show = show_##function, .when = (when_)},
#define NAMES(name_) [KIND_##name_] = {.names = name_##_names},
#include "kind_list.def"
#undef KIND
#undef NAMES
};

#define ARGS_0()       0
#define ARGS_1(a)      KIND_##a
#define ARGS_2(a, ...) KIND_##a, ARGS_1(__VA_ARGS__)
#define ARGS_3(a, ...) KIND_##a, ARGS_2(__VA_ARGS__)
#define ARGS_4(a, ...) KIND_##a, ARGS_3(__VA_ARGS__)
#define ARGS_5(a, ...) KIND_##a, ARGS_4(__VA_ARGS__)
#define ARGS_6(a, ...) KIND_##a, ARGS_5(__VA_ARGS__)

const struct call_info call_infos[] = {
#define SYSCALL(nr_, name_, nr_args_, result_, ...) \
	{.name = #name_,                            \
	 .nr = (nr_),                               \
	 .nr_args = (nr_args_),                     \
	 .result = KIND_##result_,                  \
	 .args = {ARGS_##nr_args_(__VA_ARGS__)}},
#include <managers/processor/syscall/syscall_list.def>
#undef SYSCALL
};
const u32 nr_call_infos = ARRAY_SIZE(call_infos);
const struct call_info unknown_call_info = {
	.name = "syscall",
	.nr_args = 6,
	.result = KIND_num,
	.args = {KIND_num, KIND_hex, KIND_hex, KIND_hex, KIND_hex, KIND_hex},
};

/* The list is sorted by number. */
const struct call_info *call_info_find(u64 nr)
{
	u32 low = 0, high = nr_call_infos;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (call_infos[middle].nr == nr)
			return &call_infos[middle];
		if (call_infos[middle].nr < nr)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool call_does_return(const struct call_info *call)
{
	return call->result != KIND_none;
}

/* ---- the line ---------------------------------------------------------- */

static bool has_failed(const struct decoder *d)
{
	return d->result < 0 && d->result >= -4095;
}

static void show_arg(struct decoder *d, u32 i)
{
	const struct kind_info *kind = &kinds[d->call->args[i]];

	if (kind->names)
		show_names(d, kind->names, (u32)d->args[i]);
	else if (kind->when == OUT && has_failed(d))
		show_address(d, d->args[i]);
	else
		kind->show(d, i);
}

/* Some calls look at fewer of their arguments, depending on another one. */
static u32 nr_shown_args(const struct decoder *d)
{
	u32 nr_args = d->call->nr_args;

	for (u32 i = 0; i < nr_args; i++) {
		u32 value = (u32)d->args[i];

		switch (d->call->args[i]) {
		case KIND_open_flags:
			if (!(value & O_CREAT) &&
			    (value & O_TMPFILE) != O_TMPFILE)
				return i + 1;
			break;
		case KIND_fcntl_cmd:
			if (value == F_GETFD || value == F_GETFL ||
			    value == F_GETOWN || value == F_GETPIPE_SZ ||
			    value == F_GET_SEALS)
				return i + 1;
			break;
		case KIND_ioctl_cmd:
			if (value == FIOCLEX || value == FIONCLEX)
				return i + 1;
			break;
		case KIND_futex_op:
			value &= FUTEX_CMD_MASK;
			if (value == FUTEX_WAKE)
				return i + 2;
			if (value == FUTEX_WAIT)
				return i + 3;
			break;
		default:
			break;
		}
	}
	return nr_args;
}

static void show_separator(struct decoder *d, u32 i)
{
	if (i)
		text_add(&d->text, ", ");
}

void decode_begin(struct decoder *d)
{
	const struct call_info *call = d->call;
	u32 i, nr_args = nr_shown_args(d);

	text_add(&d->text, "%s(", call->name);
	for (i = 0; i < nr_args; i++) {
		if (kinds[call->args[i]].when != IN)
			break;
		show_separator(d, i);
		show_arg(d, i);
	}
	d->next = i;
}

static void show_result(struct decoder *d)
{
	const char *error;

	if (!has_failed(d)) {
		/* The kind shows arguments: let the result be one. */
		u64 arg = d->args[0];

		d->args[0] = (u64)d->result;
		kinds[d->call->result].show(d, 0);
		d->args[0] = arg;
		return;
	}
	error = errno_name((u32)-d->result);
	/* A number that no program sees: a signal decides about the call. */
	text_add(&d->text, error && d->result <= -ERESTARTSYS ? "? " : "-1 ");
	if (error)
		text_add(&d->text, "%s", error);
	else
		text_add(&d->text, "E%ld", (long)-d->result);
}

void decode_end(struct decoder *d)
{
	u32 i, nr_args = nr_shown_args(d);

	for (i = d->next; i < nr_args; i++) {
		show_separator(d, i);
		show_arg(d, i);
	}
	d->next = i;
	text_add(&d->text, ") = ");
	show_result(d);
}

/* ---- tools ------------------------------------------------------------- */

void show_address(struct decoder *d, u64 vaddr)
{
	if (vaddr)
		text_add(&d->text, "0x%lx", (unsigned long)vaddr);
	else
		text_add(&d->text, "NULL");
}

bool fetch(struct decoder *d, u64 vaddr, void *dst, size_t bytes)
{
	if (vaddr && !d->read(dst, vaddr, bytes))
		return true;
	show_address(d, vaddr);
	return false;
}

void show_names(struct decoder *d, const struct names *names, u32 value)
{
	const char *separator = "";
	u32 rest = value;

	for (; names->name; names++) {
		if ((rest & names->mask) != names->value)
			continue;
		/* Nothing left says nothing, unless a field has a zero. */
		if (!names->value && rest != value && names->mask == ~0u)
			continue;
		text_add(&d->text, "%s%s", separator, names->name);
		separator = "|";
		rest &= ~names->mask;
		if (names->mask == ~0u)
			return;
	}
	if (rest || !separator[0])
		text_add(&d->text, rest ? "%s0x%x" : "%s%u", separator, rest);
}

static void show_byte(struct decoder *d, u8 byte, bool is_digit_next)
{
	static const char letters[] = "\tt\nn\vv\ff\rr\"\"\\\\";

	for (const char *l = letters; *l; l += 2) {
		if (byte == (u8)l[0]) {
			text_add(&d->text, "\\%c", l[1]);
			return;
		}
	}
	if (byte >= ' ' && byte < 0x7f)
		text_add(&d->text, "%c", byte);
	else
		text_add(&d->text, is_digit_next ? "\\%03o" : "\\%o", byte);
}

void show_quoted(struct decoder *d, const u8 *bytes, size_t n, bool is_cut)
{
	text_add(&d->text, "\"");
	for (size_t i = 0; i < n; i++)
		show_byte(d, bytes[i],
			  i + 1 < n && bytes[i + 1] >= '0' &&
				  bytes[i + 1] <= '9');
	text_add(&d->text, is_cut ? "\"..." : "\"");
}

void show_bytes(struct decoder *d, u64 vaddr, u64 bytes)
{
	u8 buf[DECODE_STRING_BYTES];
	size_t n = min(bytes, (u64)sizeof(buf));

	if (!n)
		text_add(&d->text, "\"\"");
	else if (fetch(d, vaddr, buf, n))
		show_quoted(d, buf, n, bytes > n);
}

/* Never reads in a page behind the one in which the string ends. */
static ssize_t read_string(struct decoder *d, u64 vaddr, u8 *buf, size_t max)
{
	size_t n = 0;

	while (n < max) {
		size_t room = min((size_t)(64 - (vaddr + n) % 64), max - n);
		const u8 *end;

		if (d->read(buf + n, vaddr + n, room))
			return -EFAULT;
		end = memchr(buf + n, 0, room);
		if (end)
			return end - buf;
		n += room;
	}
	return (ssize_t)n;
}

void show_string(struct decoder *d, u64 vaddr, size_t max)
{
	u8 buf[DECODE_PATH_BYTES + 1];
	ssize_t n = vaddr ? read_string(d, vaddr, buf, max + 1) : -EFAULT;

	if (n < 0)
		show_address(d, vaddr);
	else
		show_quoted(d, buf, min((size_t)n, max), (size_t)n > max);
}

bool list_goes_on(struct decoder *d, u64 n, u64 count)
{
	if (n >= count)
		return false;
	if (n)
		text_add(&d->text, ", ");
	if (n < DECODE_LIST_MAX)
		return true;
	text_add(&d->text, "...");
	return false;
}

/* ---- numbers ----------------------------------------------------------- */

void show_num(struct decoder *d, u32 i)
{
	text_add(&d->text, "%ld", (long)d->args[i]);
}

void show_int(struct decoder *d, u32 i)
{
	text_add(&d->text, "%d", (s32)d->args[i]);
}

void show_uint(struct decoder *d, u32 i)
{
	text_add(&d->text, "%u", (u32)d->args[i]);
}

void show_size(struct decoder *d, u32 i)
{
	text_add(&d->text, "%lu", (unsigned long)d->args[i]);
}

void show_hex(struct decoder *d, u32 i)
{
	text_add(&d->text, d->args[i] ? "0x%lx" : "%lx",
		 (unsigned long)d->args[i]);
}

void show_addr(struct decoder *d, u32 i)
{
	show_address(d, d->args[i]);
}

void show_mode(struct decoder *d, u32 i)
{
	text_add(&d->text, "%#03o", (u32)d->args[i]);
}

void show_file_mode(struct decoder *d, u32 i)
{
	u32 mode = (u32)d->args[i];

	if (mode & S_IFMT) {
		show_names(d, file_type_names, mode & S_IFMT);
		text_add(&d->text, "|");
	}
	text_add(&d->text, "%#03o", mode & ~S_IFMT);
}

void show_dirfd(struct decoder *d, u32 i)
{
	if ((s32)d->args[i] == AT_FDCWD)
		text_add(&d->text, "AT_FDCWD");
	else
		show_int(d, i);
}

void show_int_at(struct decoder *d, u32 i)
{
	s32 value;

	if (fetch(d, d->args[i], &value, sizeof(value)))
		text_add(&d->text, "[%d]", value);
}

void show_num_at(struct decoder *d, u32 i)
{
	s64 value;

	if (fetch(d, d->args[i], &value, sizeof(value)))
		text_add(&d->text, "[%ld]", (long)value);
}

void show_fds(struct decoder *d, u32 i)
{
	s32 fds[2];

	if (fetch(d, d->args[i], fds, sizeof(fds)))
		text_add(&d->text, "[%d, %d]", fds[0], fds[1]);
}

/* ---- strings and bytes ------------------------------------------------- */

void show_path(struct decoder *d, u32 i)
{
	show_string(d, d->args[i], DECODE_PATH_BYTES);
}

void show_str(struct decoder *d, u32 i)
{
	show_string(d, d->args[i], DECODE_STRING_BYTES);
}

void show_in_buf(struct decoder *d, u32 i)
{
	show_bytes(d, d->args[i], d->args[i + 1]);
}

void show_out_buf(struct decoder *d, u32 i)
{
	show_bytes(d, d->args[i], min((u64)d->result, d->args[i + 1]));
}

void show_strings(struct decoder *d, u32 i)
{
	u64 vaddr = d->args[i], string;

	if (!fetch(d, vaddr, &string, sizeof(string)))
		return;
	text_add(&d->text, "[");
	for (u64 n = 0; string && list_goes_on(d, n, n + 1); n++) {
		show_string(d, string, DECODE_STRING_BYTES);
		vaddr += sizeof(string);
		if (d->read(&string, vaddr, sizeof(string)))
			break;
	}
	text_add(&d->text, "]");
}

void show_environment(struct decoder *d, u32 i)
{
	u64 vaddr = d->args[i], string;
	u32 n = 0;

	if (!fetch(d, vaddr, &string, sizeof(string)))
		return;
	while (string && n < 1000) {
		n++;
		vaddr += sizeof(string);
		if (d->read(&string, vaddr, sizeof(string)))
			break;
	}
	show_address(d, d->args[i]);
	text_add(&d->text, " /* %u vars */", n);
}

/* ---- what another argument decides ------------------------------------- */

void show_fcntl_arg(struct decoder *d, u32 i)
{
	struct uapi_flock lock;

	switch ((u32)d->args[1]) {
	case F_SETFD:
		text_add(&d->text, "%s",
			 (u32)d->args[i] == FD_CLOEXEC ? "FD_CLOEXEC" : "0");
		break;
	case F_SETFL:
		show_names(d, open_flags_names, (u32)d->args[i]);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		if (!fetch(d, d->args[i], &lock, sizeof(lock)))
			break;
		text_add(&d->text, "{l_type=");
		show_names(d, flock_type_names, (u32)lock.l_type);
		text_add(&d->text, ", l_whence=");
		show_names(d, whence_names, (u32)lock.l_whence);
		text_add(&d->text, ", l_start=%ld, l_len=%ld}",
			 (long)lock.l_start, (long)lock.l_len);
		break;
	default:
		show_num(d, i);
	}
}

void show_ioctl_arg(struct decoder *d, u32 i)
{
	switch ((u32)d->args[1]) {
	case FIONBIO:
	case TIOCSPGRP:
		show_int_at(d, i);
		break;
	default:
		show_hex(d, i);
	}
}

void show_futex_timeout(struct decoder *d, u32 i)
{
	switch ((u32)d->args[1] & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		show_timespec(d, i);
		break;
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_WAKE_OP:
		show_num(d, i);
		break;
	default:
		show_address(d, d->args[i]);
	}
}

void show_sock_option(struct decoder *d, u32 i)
{
	if ((u32)d->args[1] == SOL_SOCKET)
		show_names(d, sock_option_names, (u32)d->args[i]);
	else
		show_int(d, i);
}

void show_clone_flags(struct decoder *d, u32 i)
{
	u32 flags = (u32)d->args[i] & ~(u32)CSIGNAL;
	u32 signal = (u32)d->args[i] & (u32)CSIGNAL;

	if (flags)
		show_names(d, clone_flags_names, flags);
	if (signal || !flags) {
		text_add(&d->text, flags ? "|" : "");
		decode_signal_number(&d->text, signal);
	}
}
