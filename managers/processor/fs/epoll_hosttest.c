/* SPDX-License-Identifier: GPL-2.0-or-later */
/* epoll: what another CPU may do while an epoll asks its files. */
#include <lib/errno.h>
#include <lib/ktest.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/epoll.h>
#include <managers/processor/fs/fake_fs.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/poll.h>
#include <managers/processor/proc/signal.h>
#include <managers/processor/syscall/syscall.h>

#define FAR_TOO_DEEP 12u

/* A file that is ready or not, and is woken while it is asked. */
static struct {
	struct poll_head head;
	bool is_ready, wakes_when_asked;
} source;

int signal_mask_arg(u64 set_vaddr, u64 set_bytes)
{
	return 0;
}

static u32 source_poll(struct file *file, struct poll_table *table)
{
	bool is_ready = source.is_ready;

	poll_wait(table, &source.head);
	if (source.wakes_when_asked)
		poll_wake(&source.head, POLLIN);
	return is_ready ? POLLIN : 0;
}

static const struct file_ops source_ops = {.poll = source_poll};

static int source_open(void)
{
	struct file *file = NULL;

	poll_head_init(&source.head, LOCK_POLL);
	source.is_ready = source.wakes_when_asked = false;
	EXPECT_EQ(anon_file_create("source", 0600, O_RDWR, &source_ops, NULL,
				   NULL, &file),
		  0);
	return fd_install(fake_files, file, 0, 0);
}

static long add(int epfd, int fd, u32 events)
{
	struct uapi_epoll_event event = {.events = events, .data = (u64)fd};

	return sys_epoll_ctl((u64)epfd, EPOLL_CTL_ADD, (u64)fd, (u64)&event);
}

static long nr_events(int epfd)
{
	struct uapi_epoll_event got[4];

	return sys_epoll_wait((u64)epfd, (u64)got, 4, 0);
}

static u32 asked(int fd)
{
	struct file *file = fd_get(fake_files, fd);
	u32 events = file->ops->poll(file, NULL);

	file_put(file);
	return events;
}

static void start(void)
{
	fake_start(~0ull);
	anon_init();
}

KTEST(a_file_woken_while_it_is_asked_is_on_one_list)
{
	static const u32 modes[] = {POLLIN, POLLIN | EPOLLET};
	int ep, fd;

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		start();
		ep = (int)sys_epoll_create1(0);
		fd = source_open();
		EXPECT_EQ(add(ep, fd, modes[i]), 0);
		source.is_ready = source.wakes_when_asked = true;
		poll_wake(&source.head, POLLIN);
		EXPECT_EQ(nr_events(ep), 1);
		EXPECT_EQ(nr_events(ep), 1);
		source.is_ready = source.wakes_when_asked = false;
		EXPECT_EQ(nr_events(ep), 0);
		EXPECT_EQ(nr_events(ep), 0);
		fake_stop();
	}
}

KTEST(an_epoll_whose_files_are_ready_no_more_is_not_ready)
{
	int outer, inner, fd;

	start();
	outer = (int)sys_epoll_create1(0);
	inner = (int)sys_epoll_create1(0);
	fd = source_open();
	EXPECT_EQ(add(inner, fd, POLLIN), 0);
	EXPECT_EQ(add(outer, inner, POLLIN), 0);
	EXPECT_EQ(nr_events(outer), 0);
	source.is_ready = true;
	poll_wake(&source.head, POLLIN);
	EXPECT_EQ(asked(outer), POLLIN | POLLRDNORM);
	EXPECT_EQ(nr_events(outer), 1);
	source.is_ready = false;
	EXPECT_EQ(nr_events(outer), 0);
	EXPECT_EQ(asked(inner), 0);
	poll_wake(&source.head, POLLIN);
	EXPECT_EQ(asked(outer), 0);
	EXPECT_EQ(asked(inner), 0);
	fake_stop();
}

KTEST(five_epolls_in_a_chain_are_enough_whichever_end_comes_first)
{
	for (u32 upwards = 0; upwards < 2; upwards++) {
		int ep[FAR_TOO_DEEP];
		u32 nr = 1;

		start();
		for (u32 i = 0; i < FAR_TOO_DEEP; i++)
			ep[i] = (int)sys_epoll_create1(0);
		while (nr < FAR_TOO_DEEP &&
		       !(upwards ? add(ep[nr], ep[nr - 1], POLLIN)
				 : add(ep[nr - 1], ep[nr], POLLIN)))
			nr++;
		EXPECT_EQ(nr, 5);
		EXPECT_EQ(upwards ? add(ep[5], ep[4], POLLIN)
				  : add(ep[4], ep[5], POLLIN),
			  -ELOOP);
		fake_stop();
	}
}

KTEST(epolls_form_no_circle_and_go_in_any_order)
{
	int a, b, c, fd;

	start();
	a = (int)sys_epoll_create1(0);
	b = (int)sys_epoll_create1(0);
	c = (int)sys_epoll_create1(0);
	fd = source_open();
	EXPECT_EQ(add(a, a, POLLIN), -EINVAL);
	EXPECT_EQ(add(a, b, POLLIN), 0);
	EXPECT_EQ(add(b, c, POLLIN), 0);
	EXPECT_EQ(add(a, c, POLLIN), 0); /* two ways to c */
	EXPECT_EQ(add(c, a, POLLIN), -ELOOP);
	EXPECT_EQ(add(b, a, POLLIN), -ELOOP);
	EXPECT_EQ(add(c, fd, POLLIN), 0);
	source.is_ready = true;
	poll_wake(&source.head, POLLIN);
	EXPECT_EQ(nr_events(a), 2);
	EXPECT_EQ(fd_close(fake_files, b), 0);
	EXPECT_EQ(nr_events(a), 1);
	EXPECT_EQ(add(c, a, POLLIN), -ELOOP);
	EXPECT_EQ(fd_close(fake_files, c), 0);
	EXPECT_EQ(nr_events(a), 0);
	fake_stop();
}
