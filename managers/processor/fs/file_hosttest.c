/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors, open files, pipes, advisory locks. */
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/fake_fs.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/file_lock.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/pipe.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/fs/uio.h>
#include <managers/processor/proc/signal.h>

static ssize_t put(struct file *file, const void *buf, size_t len)
{
	struct uio uio;

	uio_init_kernel(&uio, (void *)buf, len);
	return file_write(file, &uio, NULL);
}

static ssize_t get(struct file *file, void *buf, size_t len)
{
	struct uio uio;

	uio_init_kernel(&uio, buf, len);
	return file_read(file, &uio, NULL);
}

static struct file *open_file(const char *path, u32 flags)
{
	struct file *file = NULL;

	EXPECT_EQ(file_open(NULL, path, flags, 0644, &file), 0);
	return file;
}

static void start(void)
{
	fake_start(~0ull);
	anon_init();
}

/* ---- descriptors
 * ------------------------------------------------------------------ */

KTEST(numbers_that_are_no_descriptors_are_refused)
{
	static const int bad[] = {-1, 63, 64, 1024, INT32_MAX, INT32_MIN};

	start();
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_TRUE(!fd_get(fake_files, bad[i]));
		EXPECT_EQ(fd_close(fake_files, bad[i]), -EBADF);
		EXPECT_EQ(fd_get_cloexec(fake_files, bad[i]), -EBADF);
		EXPECT_EQ(fd_set_cloexec(fake_files, bad[i], true), -EBADF);
	}
	EXPECT_EQ(fd_install_at(fake_files, NULL, 1024, 0), -EBADF);
	EXPECT_EQ(fd_install_at(fake_files, NULL, -1, 0), -EBADF);
	fake_stop();
}

KTEST(the_limit_holds_and_can_be_lowered)
{
	struct file *file;

	start();
	file = open_file("/f", O_RDWR | O_CREAT);
	fd_table_set_limit(fake_files, 70);
	for (u32 i = 0; i < 70; i++) {
		file_hold(file);
		EXPECT_EQ(fd_install(fake_files, file, 0, 0), i);
	}
	EXPECT_EQ(fd_install(fake_files, file, 0, 0), -EMFILE);
	EXPECT_EQ(fd_install(fake_files, file, 70, 0), -EINVAL);
	fd_table_set_limit(fake_files, 10);
	EXPECT_EQ(fd_close(fake_files, 3), 0);
	EXPECT_EQ(fd_install(fake_files, file, 0, 0), 3);
	fake_stop();
}

#define MODEL_FDS 300

/* Random calls against a plain array: the lowest free number is given. */
KTEST(descriptors_behave_like_an_array)
{
	static struct {
		struct file *file;
		bool cloexec;
	} model[MODEL_FDS];
	struct file *files[4];
	struct rand r;

	start();
	rand_seed(&r, 4711);
	memset(model, 0, sizeof(model));
	for (u32 i = 0; i < 4; i++) {
		char path[3] = {'/', 'a' + i, 0};

		files[i] = open_file(path, O_RDWR | O_CREAT);
	}
	fd_table_set_limit(fake_files, MODEL_FDS);
	for (u32 step = 0; step < 20000; step++) {
		u32 fd = rand_below(&r, MODEL_FDS), want = fd;
		struct file *file = files[rand_below(&r, 4)], *got;
		u32 flags = rand_below(&r, 2) ? O_CLOEXEC : 0;
		int ret;

		switch (rand_below(&r, 5)) {
		case 0:
		case 1:
			while (want < MODEL_FDS && model[want].file)
				want++;
			file_hold(file);
			ret = fd_install(fake_files, file, fd, flags);
			if (want == MODEL_FDS) {
				EXPECT_EQ(ret, -EMFILE);
				file_put(file);
				break;
			}
			EXPECT_EQ(ret, want);
			model[want].file = file;
			model[want].cloexec = flags;
			break;
		case 2:
			file_hold(file);
			EXPECT_EQ(fd_install_at(fake_files, file, fd, flags),
				  fd);
			model[fd].file = file;
			model[fd].cloexec = flags;
			break;
		case 3:
			EXPECT_EQ(fd_close(fake_files, fd),
				  model[fd].file ? 0 : -EBADF);
			model[fd].file = NULL;
			break;
		default:
			got = fd_get(fake_files, fd);
			EXPECT_TRUE(got == model[fd].file);
			if (got) {
				EXPECT_EQ(fd_get_cloexec(fake_files, fd),
					  model[fd].cloexec);
				file_put(got);
			}
		}
	}
	struct fd_table *copy = fd_table_clone(fake_files);

	fd_table_exec(copy);
	for (u32 fd = 0; fd < MODEL_FDS; fd++) {
		struct file *got = fd_get(copy, fd);

		EXPECT_TRUE(got == (model[fd].cloexec ? NULL : model[fd].file));
		if (got)
			file_put(got);
	}
	fd_table_put(copy);
	for (u32 i = 0; i < 4; i++)
		file_put(files[i]);
	fake_stop();
}

/* ---- positions
 * ---------------------------------------------------------------------- */

KTEST(a_copy_of_a_descriptor_shares_the_position)
{
	struct file *file;
	char buf[8];

	start();
	file = open_file("/f", O_RDWR | O_CREAT);
	EXPECT_EQ(put(file, "0123456789", 10), 10);
	EXPECT_EQ(file->ops->seek(file, 4, SEEK_SET), 4);
	EXPECT_EQ(get(file, buf, 3), 3);
	EXPECT_TRUE(!memcmp(buf, "456", 3));
	EXPECT_EQ(file->pos, 7);
	EXPECT_EQ(file->ops->seek(file, -2, SEEK_END), 8);
	EXPECT_EQ(get(file, buf, 8), 2);
	EXPECT_EQ(get(file, buf, 8), 0);
	EXPECT_EQ(file->ops->seek(file, -1, SEEK_SET), -EINVAL);
	EXPECT_EQ(file->ops->seek(file, 100, SEEK_DATA), -ENXIO);
	EXPECT_EQ(file->ops->seek(file, 5, SEEK_HOLE), 10);
	EXPECT_EQ(file->ops->seek(file, INT64_MAX, SEEK_END), -EOVERFLOW);
	file_put(file);
	file = open_file("/f", O_WRONLY | O_APPEND);
	EXPECT_EQ(put(file, "ab", 2), 2);
	EXPECT_EQ(file->pos, 12);
	EXPECT_EQ(get(file, buf, 1), -EBADF);
	file_put(file);
	fake_stop();
}

/* ---- pipes
 * ------------------------------------------------------------------------------
 */

KTEST(a_pipe_gives_what_is_there_then_the_end)
{
	struct file *in, *out;
	char buf[64];

	start();
	EXPECT_EQ(pipe_create(0, &in, &out), 0);
	EXPECT_EQ(put(out, "hello", 5), 5);
	EXPECT_EQ(get(in, buf, 64), 5);
	EXPECT_EQ(get(in, buf, 64), -ERESTARTSYS); /* it would wait */
	EXPECT_EQ(get(in, buf, 0), 0);
	EXPECT_EQ(put(out, "rest", 4), 4);
	file_put(out);
	EXPECT_EQ(get(in, buf, 2), 2);
	EXPECT_EQ(get(in, buf, 64), 2);
	EXPECT_EQ(get(in, buf, 64), 0);
	EXPECT_EQ(in->ops->poll(in, NULL), POLLHUP);
	file_put(in);
	fake_stop();
}

static ssize_t put_user(struct file *file, const void *buf, size_t len)
{
	struct uio uio;

	uio_init_user(&uio, (u64)buf, len);
	return file_write(file, &uio, NULL);
}

static ssize_t get_user(struct file *file, void *buf, size_t len)
{
	struct uio uio;

	uio_init_user(&uio, (u64)buf, len);
	return file_read(file, &uio, NULL);
}

KTEST(a_pipe_moves_what_it_can_of_a_buffer_that_ends_early)
{
	struct file *in, *out;
	char buf[64] = "";

	start();
	EXPECT_EQ(pipe_create(0, &in, &out), 0);
	fake_bad_vaddr = (u64)buf + 4;
	EXPECT_EQ(put_user(out, memcpy(buf, "hello world", 11), 11), 4);
	EXPECT_EQ(put_user(out, buf + 4, 5), -EFAULT);
	fake_bad_vaddr = (u64)buf + 3;
	EXPECT_EQ(get_user(in, buf, 64), 3);
	fake_bad_vaddr = 0;
	EXPECT_EQ(get_user(in, buf + 3, 64), 1);
	EXPECT_TRUE(!memcmp(buf, "hell", 4));
	file_put(in);
	file_put(out);
	fake_stop();
}

static struct file *open_fifo(struct dentry *d, u32 flags)
{
	struct file *file = NULL;

	return file_alloc(d, flags, NULL, NULL, &file) ? NULL : file;
}

KTEST(a_fifo_is_one_pipe_for_all_who_open_it)
{
	struct file *in, *out, *again;
	struct dentry *d;
	char buf[16];

	start();
	fake_make(0, "fifo", S_IFIFO | 0600, NULL);
	EXPECT_EQ(path_walk(NULL, "/fifo", 0, &d), 0);
	EXPECT_TRUE(!open_fifo(d, O_WRONLY | O_NONBLOCK)); /* no reader */
	EXPECT_TRUE(!open_fifo(d, O_RDONLY));              /* it would wait */
	in = open_fifo(d, O_RDONLY | O_NONBLOCK);
	EXPECT_TRUE(in != NULL);
	EXPECT_EQ(get(in, buf, 16), 0);
	EXPECT_EQ(in->ops->poll(in, NULL), 0); /* no end before a writer */
	out = open_fifo(d, O_WRONLY);
	again = open_fifo(d, O_WRONLY | O_NONBLOCK);
	EXPECT_EQ(put(out, "abc", 3), 3);
	EXPECT_EQ(put(again, "de", 2), 2);
	file_put(out);
	EXPECT_EQ(get(in, buf, 16), 5);
	EXPECT_EQ(get(in, buf, 16), -EAGAIN);
	EXPECT_EQ(put(again, "lost", 4), 4);
	file_put(again);
	EXPECT_EQ(in->ops->poll(in, NULL), POLLIN | POLLRDNORM | POLLHUP);
	file_put(in);
	/* Nobody has it open: it starts anew. */
	out = open_fifo(d, O_RDWR);
	EXPECT_EQ(put(out, "x", 1), 1);
	EXPECT_EQ(get(out, buf, 16), 1);
	file_put(out);
	dentry_put(d);
	fake_stop();
}

/* The other side may be gone before who opens a FIFO looks for it: it was
 * there, so nobody waits for another one. */
KTEST(who_had_a_fifo_open_counts_when_it_is_gone)
{
	struct file *in, *out;
	struct dentry *d;

	start();
	fake_make(0, "fifo", S_IFIFO | 0600, NULL);
	EXPECT_EQ(path_walk(NULL, "/fifo", 0, &d), 0);
	out = open_fifo(d, O_RDWR);
	in = open_fifo(d, O_RDONLY);
	EXPECT_TRUE(in != NULL);
	EXPECT_EQ(in->ops->poll(in, NULL), 0);
	file_put(out);
	EXPECT_EQ(in->ops->poll(in, NULL), POLLHUP);
	file_put(in);
	dentry_put(d);
	fake_stop();
}

KTEST(a_pipe_without_readers_breaks)
{
	struct file *in, *out;

	start();
	EXPECT_EQ(pipe_create(0, &in, &out), 0);
	file_put(in);
	EXPECT_EQ(put(out, "x", 1), -EPIPE);
	EXPECT_EQ(fake_last_signal, SIGPIPE);
	EXPECT_TRUE(out->ops->poll(out, NULL) & POLLERR);
	file_put(out);
	fake_stop();
}

KTEST(small_writes_to_a_pipe_are_whole_or_not_at_all)
{
	static char big[PIPE_DEFAULT_BYTES];
	struct file *in, *out;
	char buf[PIPE_BUF];

	start();
	EXPECT_EQ(pipe_create(O_NONBLOCK, &in, &out), 0);
	EXPECT_EQ(get(in, buf, 1), -EAGAIN);
	EXPECT_EQ(put(out, big, PIPE_DEFAULT_BYTES - 100),
		  PIPE_DEFAULT_BYTES - 100);
	EXPECT_EQ(put(out, big, 101), -EAGAIN);
	EXPECT_EQ(put(out, big, 100), 100);
	EXPECT_EQ(put(out, big, PIPE_BUF + 1), -EAGAIN);
	EXPECT_TRUE(!(out->ops->poll(out, NULL) & POLLOUT));
	EXPECT_EQ(get(in, buf, PIPE_BUF), PIPE_BUF);
	EXPECT_EQ(put(out, big, PIPE_BUF + 1), PIPE_BUF);
	file_put(in);
	file_put(out);
	fake_stop();
}

KTEST(a_pipe_is_a_queue_of_bytes)
{
	static u8 chunk[9000], got[9000];
	u64 sent = 0, received = 0;
	struct file *in, *out;
	struct rand r;

	start();
	rand_seed(&r, 99);
	EXPECT_EQ(pipe_create(O_NONBLOCK, &in, &out), 0);
	for (u32 step = 0; step < 3000; step++) {
		u32 len = 1 + rand_below(&r, sizeof(chunk));
		ssize_t n;

		if (rand_below(&r, 2)) {
			for (u32 i = 0; i < len; i++)
				chunk[i] = (sent + i) * 7;
			n = put(out, chunk, len);
			sent += max(n, 0l);
		} else {
			n = get(in, got, len);
			for (ssize_t i = 0; i < n; i++)
				EXPECT_EQ(got[i], (u8)((received + i) * 7));
			received += max(n, 0l);
		}
		if (step % 500 == 499)
			EXPECT_TRUE(pipe_set_size(in, 4096u << (step / 500)) !=
				    -EINVAL);
	}
	EXPECT_TRUE(received > 1000000);
	file_put(in);
	file_put(out);
	fake_stop();
}

/* ---- advisory locks
 * ------------------------------------------------------------------------ */

#define LOCK_BYTES 64

/* Random locks against an array of owners. */
KTEST(range_locks_behave_like_an_array_of_bytes)
{
	static u8 model[LOCK_BYTES]; /* two bits an owner: 0, read, write */
	struct file *file;
	struct rand r;

	start();
	rand_seed(&r, 31);
	memset(model, 0, sizeof(model));
	file = open_file("/f", O_RDWR | O_CREAT);
	for (u32 step = 0; step < 20000; step++) {
		u32 owner = rand_below(&r, 3), start_ = rand_below(&r, 64);
		u32 end = start_ + rand_below(&r, 64 - start_);
		int type = rand_below(&r, 3), want = 0, ret;
		static const u8 bits[] = {
			[F_RDLCK] = 1, [F_WRLCK] = 2, [F_UNLCK] = 0};

		for (u32 b = start_; b <= end && type != F_UNLCK; b++)
			for (u32 o = 0; o < 3; o++) {
				u8 has = model[b] >> (2 * o) & 3;

				if (o != owner && has &&
				    (has == 2 || type == F_WRLCK))
					want = -EAGAIN;
			}
		ret = file_lock_range(file, FILE_LOCK_POSIX, &model[owner], 1,
				      type, start_, end, false);
		EXPECT_EQ(ret, want);
		for (u32 b = start_; b <= end && !want; b++)
			model[b] = (model[b] & ~(3 << (2 * owner))) |
				   bits[type] << (2 * owner);
	}
	for (u32 owner = 0; owner < 3; owner++)
		file_lock_release_owner(file->vnode, &model[owner]);
	EXPECT_TRUE(list_empty(&file->vnode->locks));
	file_put(file);
	fake_stop();
}

/* ---- uio
 * ----------------------------------------------------------------------------------------
 */

KTEST(pieces_of_memory_are_filled_in_order)
{
	char a[3], c[5], all[9] = {0};
	struct uio_seg segs[] = {{(u64)a, 3}, {0, 0}, {(u64)c, 5}};
	struct uio uio;

	uio_init_segs(&uio, segs, 3);
	EXPECT_EQ(uio.resid_bytes, 8);
	EXPECT_EQ(uio_put(&uio, "ab", 2), 0);
	EXPECT_EQ(uio_put(&uio, "cdef", 4), 0);
	EXPECT_EQ(uio_zero(&uio, 2), 0);
	EXPECT_EQ(uio.resid_bytes, 0);
	memcpy(all, a, 3);
	memcpy(all + 3, c, 5);
	EXPECT_TRUE(!memcmp(all, "abcdef\0\0", 8));
	uio_rewind(&uio, 6);
	EXPECT_EQ(uio.resid_bytes, 6);
	EXPECT_EQ(uio_get(&uio, all, 6), 0);
	EXPECT_TRUE(!memcmp(all, "cdef\0\0", 6));
}
