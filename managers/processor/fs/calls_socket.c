/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket calls.  Only AF_UNIX: a cluster has no IP network. */
#include <managers/processor/fs/calls.h>

#include <kernel/uaccess.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/fs/unix.h>
#include <managers/processor/proc/signal.h>
#include <mm/slab.h>

#define SMALL_IOV       8u
#define CONTROL_MAX     8192u
#define NSEC_PER_SECOND 1000000000ul
#define NSEC_PER_MICRO  1000ul
#define TYPE_FLAGS      (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define MMSG_MAX        1024u

_Static_assert(SOCK_NONBLOCK == O_NONBLOCK && SOCK_CLOEXEC == O_CLOEXEC,
	       "the ABI gives them the same numbers");

/* The socket of a descriptor, with its file held. */
static int sock_get(u64 fd, struct file **file, struct unix_sock **s)
{
	*file = call_file(fd);
	if (!*file)
		return -EBADF;
	*s = unix_of(*file);
	if (*s)
		return 0;
	file_put(*file);
	return -ENOTSOCK;
}

/* ---- addresses
 * ------------------------------------------------------------------------ */

static int addr_get(u64 vaddr, u64 len, struct unix_addr *addr)
{
	*addr = (struct unix_addr){.len = len};
	if (len < sizeof(addr->sa.family) || len > sizeof(addr->sa))
		return -EINVAL;
	if (copy_from_user(&addr->sa, vaddr, len))
		return -EFAULT;
	return addr->sa.family == AF_UNIX ? 0 : -EINVAL;
}

/* Give an address out; *len_vaddr says how much room there is. */
static int addr_put(const struct unix_addr *addr, u64 vaddr, u64 len_vaddr)
{
	u32 room;

	if (!vaddr)
		return 0;
	if (get_user_u32(len_vaddr, &room))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	if (copy_to_user(vaddr, &addr->sa, min(room, addr->len)))
		return -EFAULT;
	return put_user_u32(len_vaddr, addr->len);
}

/* ---- making sockets
 * ------------------------------------------------------------------------ */

static int sock_check(u64 domain, u64 type, u64 protocol)
{
	u32 kind = type & SOCK_TYPE_MASK;

	if ((u32)type & ~(SOCK_TYPE_MASK | TYPE_FLAGS))
		return -EINVAL;
	if ((u32)domain != AF_UNIX)
		return -EAFNOSUPPORT;
	if (kind != SOCK_STREAM && kind != SOCK_DGRAM && kind != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	if ((u32)protocol && (u32)protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	return 0;
}

static int sock_make(u32 type, struct unix_sock **s, struct file **file)
{
	int err;

	*s = unix_alloc(type & SOCK_TYPE_MASK);
	if (!*s)
		return -ENOMEM;
	err = unix_file(*s, type, file);
	if (err)
		unix_put(*s);
	return err;
}

long sys_socket(u64 a0, u64 a1, u64 a2)
{
	struct unix_sock *s;
	struct file *file;
	int err = sock_check(a0, a1, a2);

	if (!err)
		err = sock_make(a1, &s, &file);
	return err ? err : call_install(file, a1);
}

long sys_socketpair(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct file *files[2];
	struct unix_sock *s[2];
	int err = sock_check(a0, a1, a2);

	if (!err)
		err = sock_make(a1, &s[0], &files[0]);
	if (err)
		return err;
	err = sock_make(a1, &s[1], &files[1]);
	if (err) {
		file_put(files[0]);
		return err;
	}
	unix_pair(s[0], s[1]);
	return call_install_pair(files[0], files[1], a1, a3);
}

long sys_bind(u64 a0, u64 a1, u64 a2)
{
	struct unix_addr addr;
	struct unix_sock *s;
	struct file *file;
	int err = sock_get(a0, &file, &s);

	if (err)
		return err;
	err = addr_get(a1, a2, &addr);
	if (!err)
		err = unix_bind(s, &addr);
	file_put(file);
	return err;
}

long sys_listen(u64 a0, u64 a1)
{
	struct unix_sock *s;
	struct file *file;
	int err = sock_get(a0, &file, &s);

	if (err)
		return err;
	err = unix_listen(s, (u32)a1);
	file_put(file);
	return err;
}

long sys_connect(u64 a0, u64 a1, u64 a2)
{
	struct unix_addr addr;
	struct unix_sock *s;
	struct file *file;
	int err = sock_get(a0, &file, &s);

	if (err)
		return err;
	err = addr_get(a1, a2, &addr);
	if (!err)
		err = unix_connect(s, &addr, file->flags & O_NONBLOCK);
	file_put(file);
	return syscall_restartable(err);
}

long sys_accept4(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct unix_addr name = {.len = 2, .sa.family = AF_UNIX};
	struct unix_sock *s, *child;
	struct file *file, *accepted;
	int err;

	if ((u32)a3 & ~TYPE_FLAGS)
		return -EINVAL;
	err = sock_get(a0, &file, &s);
	if (err)
		return err;
	err = unix_accept(s, file->flags & O_NONBLOCK, &child);
	file_put(file);
	if (err)
		return syscall_restartable(err);
	err = unix_file(child, a3, &accepted);
	if (err) {
		unix_put(child);
		return err;
	}
	if (unix_peer_name(child, &name))
		name.len = sizeof(name.sa.family); /* it is gone again */
	err = addr_put(&name, a1, a2);
	if (err) {
		file_put(accepted);
		return err;
	}
	return call_install(accepted, a3);
}

long sys_accept(u64 a0, u64 a1, u64 a2)
{
	return sys_accept4(a0, a1, a2, 0);
}

long sys_shutdown(u64 a0, u64 a1)
{
	struct unix_sock *s;
	struct file *file;
	int err = sock_get(a0, &file, &s);

	if (err)
		return err;
	err = unix_shutdown(s, a1);
	file_put(file);
	return err;
}

long sys_getsockname(u64 a0, u64 a1, u64 a2)
{
	struct unix_sock *s;
	struct file *file;
	int err = sock_get(a0, &file, &s);

	if (err)
		return err;
	err = addr_put(&s->name, a1, a2);
	file_put(file);
	return err;
}

long sys_getpeername(u64 a0, u64 a1, u64 a2)
{
	struct unix_sock *s;
	struct unix_addr name;
	struct file *file;
	int err = sock_get(a0, &file, &s);

	if (err)
		return err;
	err = unix_peer_name(s, &name);
	if (!err)
		err = addr_put(&name, a1, a2);
	file_put(file);
	return err;
}

/* ---- messages
 * -------------------------------------------------------------------------------
 */

static long sock_send(u64 fd, struct unix_io *io)
{
	struct unix_sock *s;
	struct file *file;
	long n = sock_get(fd, &file, &s);

	if (n)
		return n;
	io->is_nonblock = file->flags & O_NONBLOCK;
	n = unix_send(s, io);
	file_put(file);
	if (n == -EPIPE && !(io->flags & MSG_NOSIGNAL))
		current_signal(SIGPIPE);
	return syscall_restartable(n);
}

static long sock_recv(u64 fd, struct unix_io *io, bool *wants_cred)
{
	struct unix_sock *s;
	struct file *file;
	long n = sock_get(fd, &file, &s);

	if (n)
		return n;
	io->is_nonblock = file->flags & O_NONBLOCK;
	*wants_cred = s->wants_cred;
	n = unix_recv(s, io);
	file_put(file);
	return syscall_restartable(n);
}

static void io_put_files(struct unix_io *io)
{
	for (u32 i = 0; i < io->nr_files; i++)
		file_put(io->files[i]);
	kfree(io->files);
	io->files = NULL;
	io->nr_files = 0;
}

long sys_sendto(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	struct unix_io io = {.flags = a3};
	struct uio uio;
	int err;

	if (a4) {
		err = addr_get(a4, a5, &io.addr);
		if (err)
			return err;
	}
	uio_init_user(&uio, a1, min(a2, CALL_MAX_BYTES));
	io.uio = &uio;
	return sock_send(a0, &io);
}

long sys_recvfrom(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	struct unix_io io = {.flags = a3};
	bool wants_cred;
	struct uio uio;
	long n;
	int err;

	uio_init_user(&uio, a1, min(a2, CALL_MAX_BYTES));
	io.uio = &uio;
	n = sock_recv(a0, &io, &wants_cred);
	io_put_files(&io); /* nobody asked for them */
	if (n >= 0 && a4) {
		err = addr_put(&io.addr, a4, a5);
		if (err)
			return err;
	}
	return n;
}

/* ---- control messages: passing descriptors
 * ----------------------------------------------------- */

/* Take the files of one SCM_RIGHTS message, after those of earlier ones. */
static int rights_get(const int *fds, u64 nr, struct unix_io *io)
{
	struct file **files;

	if (nr > UNIX_MAX_RIGHTS - io->nr_files)
		return -EINVAL;
	if (!nr)
		return 0;
	files = kcalloc(io->nr_files + nr, sizeof(*files));
	if (!files)
		return -ENOMEM;
	if (io->nr_files)
		memcpy(files, io->files, io->nr_files * sizeof(*files));
	kfree(io->files);
	io->files = files;
	for (u64 i = 0; i < nr; i++) {
		struct file *file = fd_get(current_files(), fds[i]);

		if (!file)
			return -EBADF;
		files[io->nr_files++] = file;
	}
	return 0;
}

static int control_parse(const u8 *buf, u64 len, struct unix_io *io)
{
	while (len >= sizeof(struct uapi_cmsghdr)) {
		const struct uapi_cmsghdr *c = (const void *)buf;
		u64 step;
		int err = 0;

		if (c->len < sizeof(*c) || c->len > len)
			return -EINVAL;
		if (c->level == SOL_SOCKET && c->type == SCM_RIGHTS)
			err = rights_get((const void *)(c + 1),
					 (c->len - sizeof(*c)) / sizeof(int),
					 io);
		else if (c->level != SOL_SOCKET || c->type != SCM_CREDENTIALS)
			err = -EINVAL;
		if (err)
			return err;
		step = min(CMSG_ALIGN(c->len), len);
		buf += step;
		len -= step;
	}
	return 0;
}

static int control_get(const struct uapi_msghdr *hdr, struct unix_io *io)
{
	u8 *buf;
	int err;

	if (!hdr->control || !hdr->control_len)
		return 0;
	if (hdr->control_len > CONTROL_MAX)
		return -ENOBUFS;
	buf = kmalloc(hdr->control_len);
	if (!buf)
		return -ENOMEM;
	err = copy_from_user(buf, hdr->control, hdr->control_len);
	if (!err)
		err = control_parse(buf, hdr->control_len, io);
	kfree(buf);
	return err;
}

/* Append one control message to what goes out; false: no room. */
static bool control_add(u8 *buf, u64 room, u64 *used, u32 type,
			const void *data, u32 len)
{
	struct uapi_cmsghdr c = {sizeof(c) + len, SOL_SOCKET, type};

	if (*used + c.len > room)
		return false;
	memcpy(buf + *used, &c, sizeof(c));
	memcpy(buf + *used + sizeof(c), data, len);
	*used = min(*used + CMSG_ALIGN(c.len), room);
	return true;
}

/* Give the received files descriptors, as many as fit. */
static bool rights_put(struct unix_io *io, u8 *buf, u64 room, u64 *used)
{
	u32 fit = 0, nr = 0;
	int fds[UNIX_MAX_RIGHTS];

	if (room > *used + sizeof(struct uapi_cmsghdr))
		fit = (room - *used - sizeof(struct uapi_cmsghdr)) /
		      sizeof(int);
	fit = min(fit, io->nr_files);
	while (nr < fit) {
		fds[nr] = fd_install(current_files(), io->files[nr], 0,
				     io->flags & MSG_CMSG_CLOEXEC ? O_CLOEXEC
								  : 0);
		if (fds[nr] < 0)
			break;
		file_hold(io->files[nr]); /* the table has its own now */
		nr++;
	}
	if (nr &&
	    !control_add(buf, room, used, SCM_RIGHTS, fds, nr * sizeof(int)))
		nr = 0;
	return nr == io->nr_files;
}

static int control_put(struct uapi_msghdr *hdr, struct unix_io *io,
		       bool wants_cred)
{
	u64 room = min(hdr->control_len, (u64)CONTROL_MAX), used = 0;
	u8 *buf;
	int err = 0;

	if (!io->nr_files && !wants_cred) {
		hdr->control_len = 0;
		return 0;
	}
	buf = kzalloc(CONTROL_MAX);
	if (!buf)
		return -ENOMEM;
	if (!hdr->control)
		room = 0;
	if (wants_cred && !control_add(buf, room, &used, SCM_CREDENTIALS,
				       &io->cred, sizeof(io->cred)))
		io->out_flags |= MSG_CTRUNC;
	if (io->nr_files && !rights_put(io, buf, room, &used))
		io->out_flags |= MSG_CTRUNC;
	if (used)
		err = copy_to_user(hdr->control, buf, used);
	hdr->control_len = used;
	kfree(buf);
	return err;
}

/* ---- sendmsg, recvmsg
 * ------------------------------------------------------------------------------
 */

static long sendmsg_one(u64 fd, const struct uapi_msghdr *hdr, u32 flags)
{
	struct uio_seg small[SMALL_IOV], *segs;
	struct unix_io io = {.flags = flags};
	struct uio uio;
	long n;

	if (hdr->name && hdr->name_len) {
		n = addr_get(hdr->name, hdr->name_len, &io.addr);
		if (n)
			return n;
	}
	n = call_iovec(hdr->iov, hdr->iov_len, small, SMALL_IOV, &segs);
	if (n)
		return n == -EINVAL ? -EMSGSIZE : n;
	uio_init_segs(&uio, segs, hdr->iov_len);
	io.uio = &uio;
	n = control_get(hdr, &io);
	if (!n)
		n = sock_send(fd, &io);
	io_put_files(&io);
	call_iovec_free(segs, small);
	return n;
}

long sys_sendmsg(u64 a0, u64 a1, u64 a2)
{
	struct uapi_msghdr hdr;

	if (copy_from_user(&hdr, a1, sizeof(hdr)))
		return -EFAULT;
	return sendmsg_one(a0, &hdr, a2);
}

/* The sender's address into hdr->name. */
static int msg_name_put(struct uapi_msghdr *hdr, const struct unix_addr *addr)
{
	u32 room = hdr->name_len;

	hdr->name_len = hdr->name ? addr->len : 0;
	if (!hdr->name)
		return 0;
	return copy_to_user(hdr->name, &addr->sa, min(room, addr->len));
}

static long recvmsg_one(u64 fd, struct uapi_msghdr *hdr, u32 flags)
{
	struct uio_seg small[SMALL_IOV], *segs;
	struct unix_io io = {.flags = flags};
	bool wants_cred = false;
	struct uio uio;
	long n, err;

	n = call_iovec(hdr->iov, hdr->iov_len, small, SMALL_IOV, &segs);
	if (n)
		return n == -EINVAL ? -EMSGSIZE : n;
	uio_init_segs(&uio, segs, hdr->iov_len);
	io.uio = &uio;
	n = sock_recv(fd, &io, &wants_cred);
	if (n >= 0) {
		err = msg_name_put(hdr, &io.addr);
		if (!err)
			err = control_put(hdr, &io, wants_cred);
		hdr->flags = io.out_flags | (flags & MSG_CMSG_CLOEXEC);
		if (err)
			n = err;
	}
	io_put_files(&io);
	call_iovec_free(segs, small);
	return n;
}

long sys_recvmsg(u64 a0, u64 a1, u64 a2)
{
	struct uapi_msghdr hdr;
	long n;

	if (copy_from_user(&hdr, a1, sizeof(hdr)))
		return -EFAULT;
	n = recvmsg_one(a0, &hdr, a2);
	if (n >= 0 && copy_to_user(a1, &hdr, sizeof(hdr)))
		return -EFAULT;
	return n;
}

long sys_sendmmsg(u64 a0, u64 a1, u64 a2, u64 a3)
{
	u32 nr = min((u32)a2, MMSG_MAX), i;
	struct uapi_mmsghdr msg;
	long n = 0;

	for (i = 0; i < nr; i++) {
		u64 vaddr = a1 + i * sizeof(msg);

		n = copy_from_user(&msg, vaddr, sizeof(msg));
		if (!n)
			n = sendmsg_one(a0, &msg.hdr, a3);
		if (n < 0)
			break;
		msg.len = n;
		if (copy_to_user(vaddr, &msg, sizeof(msg)))
			return -EFAULT;
	}
	return i ? (long)i : n;
}

long sys_recvmmsg(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 nr = min((u32)a2, MMSG_MAX), flags = a3, i;
	struct uapi_mmsghdr msg;
	long n = 0;

	if (a4)
		return -EINVAL; /* the timeout is not offered */
	for (i = 0; i < nr; i++) {
		u64 vaddr = a1 + i * sizeof(msg);

		n = copy_from_user(&msg, vaddr, sizeof(msg));
		if (!n)
			n = recvmsg_one(a0, &msg.hdr, flags & ~MSG_WAITFORONE);
		if (n < 0)
			break;
		msg.len = n;
		if (copy_to_user(vaddr, &msg, sizeof(msg)))
			return -EFAULT;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
	}
	return i ? (long)i : n;
}

/* ---- options
 * ------------------------------------------------------------------------------------------
 */

static long timeout_set(u64 vaddr, u64 len, u64 *out)
{
	s64 tv[2];

	if (len < sizeof(tv))
		return -EINVAL;
	if (copy_from_user(tv, vaddr, sizeof(tv)))
		return -EFAULT;
	if (tv[0] < 0 || tv[1] < 0 || tv[1] > 999999)
		return -EDOM;
	*out = tv[0] || tv[1]
		       ? min((u64)tv[0], 1000000000ul) * NSEC_PER_SECOND +
				 tv[1] * NSEC_PER_MICRO
		       : WAIT_FOREVER;
	return 0;
}

static long sock_setopt(struct unix_sock *s, u32 name, u64 vaddr, u64 len)
{
	u32 value;

	if (name == SO_RCVTIMEO)
		return timeout_set(vaddr, len, &s->recv_timeout_ns);
	if (name == SO_SNDTIMEO)
		return timeout_set(vaddr, len, &s->send_timeout_ns);
	if (len < sizeof(value))
		return -EINVAL;
	if (get_user_u32(vaddr, &value))
		return -EFAULT;
	switch (name) {
	case SO_PASSCRED:
		s->wants_cred = value;
		return 0;
	case SO_SNDBUF: /* the queues have one size */
	case SO_RCVBUF:
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
	case SO_REUSEADDR: /* without meaning for local sockets */
	case SO_KEEPALIVE:
	case SO_BROADCAST:
	case SO_LINGER:
	case SO_DEBUG:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

long sys_setsockopt(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct unix_sock *s;
	struct file *file;
	long ret = sock_get(a0, &file, &s);

	if (ret)
		return ret;
	if ((u32)a1 != SOL_SOCKET)
		ret = -EOPNOTSUPP;
	else
		ret = sock_setopt(s, a2, a3, (u32)a4);
	file_put(file);
	return ret;
}

/* The value of an option; its size, or -ENOPROTOOPT. */
static int sock_getopt(struct unix_sock *s, u32 name, void *value)
{
	u32 *number = value;

	switch (name) {
	case SO_TYPE:
		*number = s->type;
		break;
	case SO_ERROR:
	case SO_PROTOCOL:
	case SO_REUSEADDR:
	case SO_KEEPALIVE:
	case SO_BROADCAST:
	case SO_DEBUG:
		*number = 0;
		break;
	case SO_DOMAIN:
		*number = AF_UNIX;
		break;
	case SO_ACCEPTCONN:
		*number = s->state == UNIX_LISTENING;
		break;
	case SO_SNDBUF:
	case SO_RCVBUF:
		*number = UNIX_BUF_BYTES;
		break;
	case SO_PASSCRED:
		*number = s->wants_cred;
		break;
	case SO_PEERCRED:
		memcpy(value, &s->peer_cred, sizeof(s->peer_cred));
		return sizeof(s->peer_cred);
	default:
		return -ENOPROTOOPT;
	}
	return sizeof(*number);
}

long sys_getsockopt(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct unix_sock *s;
	struct file *file;
	u8 value[16] __aligned(8);
	u32 room;
	int size = sock_get(a0, &file, &s);

	if (size)
		return size;
	size = (u32)a1 == SOL_SOCKET ? sock_getopt(s, a2, value) : -EOPNOTSUPP;
	file_put(file);
	if (size < 0)
		return size;
	if (get_user_u32(a4, &room))
		return -EFAULT;
	room = min(room, (u32)size);
	if (copy_to_user(a3, value, room) || put_user_u32(a4, room))
		return -EFAULT;
	return 0;
}
