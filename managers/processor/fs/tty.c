/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/tty.h>

#include <drivers/serial.h>
#include <kernel/assert.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/current.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/ldisc.h>
#include <managers/processor/fs/line.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/fs/stdio.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/proc/signal.h>

#define TTY_CHUNK     256u
#define DECISECOND_NS 100000000ul

static struct tty {
	struct spinlock lock;        /* taken in interrupts */
	struct ldisc ldisc;          /* [lock] */
	struct uapi_winsize winsize; /* [lock] */
	u32 sid;                     /* session it controls; 0: none [lock] */
	u32 pgid;                    /* foreground group; 0: none [lock] */
	struct mutex write_lock;     /* keeps one write's bytes together */
	struct poll_head head;
} tty;

/* ---- input: interrupts
 * --------------------------------------------------------------- */

static void tty_echo(struct ldisc *ld, const char *text, u32 len)
{
	/* Echo that does not fit is lost, as on any terminal. */
	line_put(LINE_TTY, text, len);
}

static void tty_receive(u8 byte, bool break_seen)
{
	u64 flags = spin_lock_irqsave(&tty.lock);
	u32 sig = 0, pgid = tty.pgid;

	if (break_seen)
		sig = SIGINT;
	else
		sig = ldisc_receive(&tty.ldisc, byte);
	spin_unlock_irqrestore(&tty.lock, flags);
	if (sig && pgid)
		signal_send_pgrp(pgid, sig, NULL);
	poll_wake(&tty.head, POLLIN | POLLOUT);
}

static void tty_writable(void)
{
	poll_wake(&tty.head, POLLOUT | POLLWRNORM);
	stdio_writable();
}

static const struct line_receiver tty_line_receiver = {
	.tty_byte = tty_receive,
	.stream_byte = stdio_receive,
	.stream_eof = stdio_receive_eof,
	.writable = tty_writable,
};

void tty_init(void)
{
	spin_lock_init(&tty.lock, "tty", LOCK_TERMINAL);
	mutex_init(&tty.write_lock, "tty write", LOCK_PIPE);
	poll_head_init(&tty.head, LOCK_POLL);
	ldisc_init(&tty.ldisc, tty_echo);
	tty.winsize = (struct uapi_winsize){.ws_row = 24, .ws_col = 80};
	stdio_init();
	line_init(&tty_line_receiver);
}

/* ---- job control
 * ------------------------------------------------------------------------ */

/*
 * A background process touches the terminal: send @sig to its group, unless
 * it does not care.  Return: 0 go on, -ERESTARTSYS stopped, -EIO.
 */
static int tty_check_background(u32 sig)
{
	u32 pgid = READ_ONCE(tty.pgid);

	if (!pgid || READ_ONCE(tty.sid) != current_sid() ||
	    current_pgid() == pgid)
		return 0;
	if (current_ignores(sig))
		return sig == SIGTTIN ? -EIO : 0;
	current_signal_group(sig);
	return -ERESTARTSYS;
}

/* ---- reading
 * -------------------------------------------------------------------------------
 */

static u32 tty_readable(void)
{
	u64 flags = spin_lock_irqsave(&tty.lock);
	u32 n = ldisc_readable(&tty.ldisc);

	spin_unlock_irqrestore(&tty.lock, flags);
	return n;
}

/* Take what is there; false if that is nothing (not even an EOF). */
static bool tty_take(char *buf, u32 size, u32 *n)
{
	u64 flags = spin_lock_irqsave(&tty.lock);
	bool is_there = ldisc_readable(&tty.ldisc);

	*n = is_there ? ldisc_read(&tty.ldisc, buf, size) : 0;
	spin_unlock_irqrestore(&tty.lock, flags);
	return is_there;
}

struct tty_wait {
	u32 min_bytes;
	u64 timeout_ns; /* WAIT_FOREVER: none */
};

/* What VMIN and VTIME ask of a read of @size bytes. */
static struct tty_wait tty_wait_rule(u32 size)
{
	struct tty_wait w = {.min_bytes = 1, .timeout_ns = WAIT_FOREVER};
	u64 flags = spin_lock_irqsave(&tty.lock);
	const struct uapi_termios *t = &tty.ldisc.termios;

	if (!(t->c_lflag & ICANON)) {
		w.min_bytes = min((u32)t->c_cc[VMIN], size);
		if (t->c_cc[VTIME])
			w.timeout_ns = t->c_cc[VTIME] * DECISECOND_NS;
		else if (!t->c_cc[VMIN])
			w.timeout_ns = 0;
	}
	spin_unlock_irqrestore(&tty.lock, flags);
	return w;
}

/* Wait for input as the rule says; 0, -EINTR, -ETIMEDOUT (give what is). */
static int tty_wait_input(struct tty_wait w)
{
	if (w.timeout_ns == WAIT_FOREVER)
		return wait_event_intr(&tty.head.waitq,
				       tty_readable() >= w.min_bytes);
	if (w.timeout_ns == 0)
		return 0;
	/* With VMIN the clock starts at the first byte. */
	if (w.min_bytes) {
		int err = wait_event_intr(&tty.head.waitq, tty_readable());

		if (err)
			return err;
	}
	return wait_event_intr_timeout(&tty.head.waitq,
				       tty_readable() >= max(w.min_bytes, 1u),
				       w.timeout_ns);
}

static ssize_t tty_read(struct file *file, struct uio *uio, u64 *pos)
{
	char buf[TTY_CHUNK];
	u32 n;

	if (!uio->resid_bytes)
		return 0;
	for (;;) {
		int err = tty_check_background(SIGTTIN);

		if (err)
			return err;
		if (!(file->flags & O_NONBLOCK)) {
			err = tty_wait_input(tty_wait_rule(uio->resid_bytes));
			if (err == -EINTR)
				return -ERESTARTSYS;
		}
		if (tty_take(buf, min(uio->resid_bytes, sizeof(buf)), &n))
			return uio_put(uio, buf, n) ? -EFAULT : (ssize_t)n;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (err == -ETIMEDOUT ||
		    tty_wait_rule(uio->resid_bytes).timeout_ns == 0)
			return 0;
		/* Another reader was faster: wait again. */
	}
}

/* ---- writing
 * ---------------------------------------------------------------------------------
 */

static bool tty_is_stopped(void)
{
	return READ_ONCE(tty.ldisc.is_stopped);
}

/* One chunk of a write; the bytes done or -errno. write_lock held. */
static ssize_t tty_write_chunk(struct uio *uio, bool may_wait)
{
	u32 len = min(uio->resid_bytes, (u64)TTY_CHUNK), taken, n;
	char in[TTY_CHUNK], out[2 * TTY_CHUNK];
	u64 flags;
	int err;

	if (tty_is_stopped()) {
		if (!may_wait)
			return -EAGAIN;
		err = wait_event_intr(&tty.head.waitq, !tty_is_stopped());
		if (err)
			return err;
	}
	if (uio_get(uio, in, len))
		return -EFAULT;
	flags = spin_lock_irqsave(&tty.lock);
	n = ldisc_output(&tty.ldisc, in, len, out, sizeof(out), &taken);
	spin_unlock_irqrestore(&tty.lock, flags);
	err = line_send(LINE_TTY, out, n, may_wait);
	return err ? err : len;
}

static ssize_t tty_write(struct file *file, struct uio *uio, u64 *pos)
{
	bool may_wait = !(file->flags & O_NONBLOCK);
	ssize_t done = 0, n = 0;

	if (READ_ONCE(tty.ldisc.termios.c_lflag) & TOSTOP) {
		int err = tty_check_background(SIGTTOU);

		if (err)
			return err;
	}
	mutex_lock(&tty.write_lock);
	while (uio->resid_bytes) {
		n = tty_write_chunk(uio, may_wait);
		if (n < 0)
			break;
		done += n;
	}
	mutex_unlock(&tty.write_lock);
	return done ? done : syscall_restartable(n);
}

void terminal_write(const char *text, size_t len)
{
	struct uio uio;
	ssize_t n = 1;

	uio_init_kernel(&uio, (void *)text, len);
	mutex_lock(&tty.write_lock);
	while (uio.resid_bytes && n > 0)
		n = tty_write_chunk(&uio, true);
	mutex_unlock(&tty.write_lock);
}

static u32 tty_poll(struct file *file, struct poll_table *table)
{
	u32 events = 0;

	poll_wait(table, &tty.head);
	if (tty_readable())
		events |= POLLIN | POLLRDNORM;
	if (line_has_room() && !tty_is_stopped())
		events |= POLLOUT | POLLWRNORM;
	return events;
}

/* ---- ioctl
 * -------------------------------------------------------------------------------------
 */

static s64 tty_get_termios(u64 arg)
{
	u64 flags = spin_lock_irqsave(&tty.lock);
	struct uapi_termios t = tty.ldisc.termios;

	spin_unlock_irqrestore(&tty.lock, flags);
	return copy_to_user(arg, &t, sizeof(t));
}

static s64 tty_set_termios(u32 cmd, u64 arg)
{
	struct uapi_termios t;
	u64 flags;
	int err = 0;

	if (copy_from_user(&t, arg, sizeof(t)))
		return -EFAULT;
	err = tty_check_background(SIGTTOU);
	if (!err && cmd != TCSETS)
		err = serial_tty_drain();
	if (err)
		return syscall_restartable(err);
	flags = spin_lock_irqsave(&tty.lock);
	if (cmd == TCSETSF)
		ldisc_flush_input(&tty.ldisc);
	ldisc_set_termios(&tty.ldisc, &t);
	spin_unlock_irqrestore(&tty.lock, flags);
	poll_wake(&tty.head, POLLIN | POLLOUT);
	return 0;
}

static s64 tty_set_winsize(u64 arg)
{
	struct uapi_winsize ws;
	bool is_changed;
	u32 pgid;
	u64 flags;

	if (copy_from_user(&ws, arg, sizeof(ws)))
		return -EFAULT;
	flags = spin_lock_irqsave(&tty.lock);
	is_changed = memcmp(&ws, &tty.winsize, sizeof(ws));
	tty.winsize = ws;
	pgid = tty.pgid;
	spin_unlock_irqrestore(&tty.lock, flags);
	if (is_changed && pgid)
		signal_send_pgrp(pgid, SIGWINCH, NULL);
	return 0;
}

static s64 tty_set_foreground(u64 arg)
{
	u32 pgid;
	int err;

	if (get_user_u32(arg, &pgid))
		return -EFAULT;
	if ((s32)pgid <= 0)
		return -EINVAL;
	if (tty.sid != current_sid())
		return -ENOTTY;
	err = tty_check_background(SIGTTOU);
	if (!err)
		tty.pgid = pgid;
	return err;
}

static s64 tty_take_session(void)
{
	if (current_sid() != current_pid())
		return -EPERM;
	if (tty.sid && tty.sid != current_sid())
		return -EPERM;
	terminal_attach(current_sid(), current_pgid());
	return 0;
}

static s64 tty_leave_session(void)
{
	if (tty.sid != current_sid())
		return -ENOTTY;
	if (current_sid() == current_pid())
		terminal_attach(0, 0);
	return 0;
}

static s64 tty_flush(u64 which)
{
	u64 flags;

	if (which > 2)
		return -EINVAL;
	if (which == 1) /* TCOFLUSH: output is on its way already */
		return 0;
	flags = spin_lock_irqsave(&tty.lock);
	ldisc_flush_input(&tty.ldisc);
	spin_unlock_irqrestore(&tty.lock, flags);
	return 0;
}

static s64 tty_ioctl(struct file *file, u32 cmd, u64 arg)
{
	struct uapi_winsize ws = tty.winsize;

	switch (cmd) {
	case TCGETS:
		return tty_get_termios(arg);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return tty_set_termios(cmd, arg);
	case TCSBRK:
		return serial_tty_drain();
	case TCXONC:
		return arg > 3 ? -EINVAL : 0;
	case TCFLSH:
		return tty_flush(arg);
	case TIOCGWINSZ:
		return copy_to_user(arg, &ws, sizeof(ws));
	case TIOCSWINSZ:
		return tty_set_winsize(arg);
	case TIOCGPGRP:
		if (tty.sid != current_sid())
			return -ENOTTY;
		return put_user_u32(arg, tty.pgid);
	case TIOCSPGRP:
		return tty_set_foreground(arg);
	case TIOCGSID:
		if (tty.sid != current_sid())
			return -ENOTTY;
		return put_user_u32(arg, tty.sid);
	case TIOCSCTTY:
		return tty_take_session();
	case TIOCNOTTY:
		return tty_leave_session();
	case FIONREAD:
		return put_user_u32(arg, tty_readable());
	case TIOCOUTQ:
		return put_user_u32(arg, 0);
	default:
		return -ENOTTY;
	}
}

/* ---- opening
 * ------------------------------------------------------------------------------------
 */

static const struct file_ops tty_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
};

int tty_open(struct vnode *vn, struct file *file)
{
	file->ops = &tty_ops;
	return 0;
}

int tty_open_controlling(struct vnode *vn, struct file *file)
{
	if (!tty.sid || tty.sid != current_sid())
		return -ENXIO;
	return tty_open(vn, file);
}

u32 tty_of_session(u32 sid)
{
	return sid && tty.sid == sid ? uapi_makedev(TTY_MAJOR, TTY_MINOR) : 0;
}

u32 tty_foreground(void)
{
	return tty.pgid;
}

void terminal_attach(u32 sid, u32 pgid)
{
	u64 flags = spin_lock_irqsave(&tty.lock);

	tty.sid = sid;
	tty.pgid = pgid;
	spin_unlock_irqrestore(&tty.lock, flags);
}

static char tty_stdio[3] = {'t', 't', 't'}; /* of descriptors 0, 1, 2 */

void terminal_configure(const char *stdio, u32 rows, u32 cols)
{
	bool is_framed = false;

	for (u32 fd = 0; fd < ARRAY_SIZE(tty_stdio) && stdio[fd]; fd++) {
		tty_stdio[fd] = stdio[fd];
		is_framed |= stdio[fd] == 'p';
	}
	if (rows && cols) {
		tty.winsize.ws_row = rows;
		tty.winsize.ws_col = cols;
	}
	if (is_framed && stdio_prepare_input())
		is_framed = false;
	line_set_framed(is_framed);
}

static int terminal_open_fd(int fd, struct file **out)
{
	if (tty_stdio[fd] == 'p')
		return stdio_open(fd, out);
	return file_open(NULL, "/dev/ttyS0", O_RDWR, 0, out);
}

int fd_table_open_terminal(struct fd_table *table)
{
	for (int fd = 0; fd < 3; fd++) {
		struct file *file;
		int err = terminal_open_fd(fd, &file);

		if (err)
			return err;
		err = fd_install_at(table, file, fd, 0);
		if (err < 0) {
			file_put(file);
			return err;
		}
	}
	return 0;
}
