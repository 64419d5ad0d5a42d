/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Orders, and the socket that takes them. */
#define _GNU_SOURCE
#include "fabric_client.h"
#include "tools/fabric/orders.h"

#include <errno.h>
#include <lib/ktest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_ok(const char *order)
{
	return !strcmp(fabric_order(order), "OK");
}

static bool is_answer(const char *order, const char *answer)
{
	const char *got = fabric_order(order);

	if (!strcmp(got, answer))
		return true;
	printf("    \"%s\": \"%s\", not \"%s\"\n", order, got, answer);
	return false;
}

KTEST(orders_say_what_is_wrong_with_them)
{
	static const char *const wrong[][2] = {
		{"", "ERR no order; try help"},
		{"dorp 1 1", "ERR no order \"dorp\"; try help"},
		{"drop", "ERR usage: drop NODE[:PORT]|all RATE"},
		{"drop 1 0.1 0.2", "ERR usage: drop NODE[:PORT]|all RATE"},
		{"drop 3 0.1", "ERR no port 3: 1 to 2"},
		{"drop 0 0.1", "ERR no port 0: 1 to 2"},
		{"drop -1 0.1", "ERR no port -1: 1 to 2"},
		{"drop 4294967297 0.1", "ERR no port 4294967297: 1 to 2"},
		{"drop 1 1.5",
		 "ERR \"1.5\" is no rate: 0 to 1, or a percentage"},
		{"drop 1 nan",
		 "ERR \"nan\" is no rate: 0 to 1, or a percentage"},
		{"corrupt 1 -0.1",
		 "ERR \"-0.1\" is no rate: 0 to 1, or a percentage"},
		{"corrupt 1 .",
		 "ERR \".\" is no rate: 0 to 1, or a percentage"},
		{"drop 1 1.0.0",
		 "ERR \"1.0.0\" is no rate: 0 to 1, or a percentage"},
		{"delay 1 50",
		 "ERR \"50\" is no time: 50us, 1ms, up to 10s; 0"},
		{"delay 1 11s",
		 "ERR \"11s\" is no time: 50us, 1ms, up to 10s; 0"},
		{"link 1 sideways", "ERR \"sideways\": down or up?"},
		{"node all kill", "ERR no port all: 1 to 2"},
		{"node 1 kill", "ERR nothing is attached to port 1"},
		{"node 1 poke", "ERR \"poke\": pause, resume or kill?"},
		{"fail-command 1 0x1000 1",
		 "ERR no command \"0x1000\": a name or 0 to 0xfff"},
		{"fail-command 1 FLY 1",
		 "ERR no command \"FLY\": a name or 0 to 0xfff"},
		{"fail-command 1 4 0x100",
		 "ERR no status \"0x100\": 0 to 0xff"},
		{"fail-command 1 4 1 0", "ERR \"0\": how often?"},
		{"seed many", "ERR \"many\" is no number"},
		{"status 1 2", "ERR one node or port, or none for all"},
		{"status 9", "ERR no port 9: 1 to 2"},
		{"counters --jason", "ERR no port --jason: 1 to 2"},
		{"help a b c d e f g", "ERR too many words"},
		{"drop 1 \x1b[2J", "ERR an order is a line of ASCII text"},
	};

	fabric_start();
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		EXPECT_TRUE(is_answer(wrong[i][0], wrong[i][1]));
	EXPECT_TRUE(test_fabric.sw.ports[1].link.faults.drop_rate == 0);
	fabric_stop();
}

KTEST(orders_take_rates_times_and_all_ports)
{
	const struct link_faults *one, *two;

	fabric_start();
	one = &test_fabric.sw.ports[1].link.faults;
	two = &test_fabric.sw.ports[2].link.faults;
	EXPECT_TRUE(is_ok("drop all 0.25"));
	EXPECT_TRUE(one->drop_rate == 0.25 && two->drop_rate == 0.25);
	EXPECT_TRUE(is_ok("  drop\t2   50% "));
	EXPECT_TRUE(one->drop_rate == 0.25 && two->drop_rate == 0.5);
	EXPECT_TRUE(is_ok("corrupt 1 1"));
	EXPECT_TRUE(one->corrupt_rate == 1 && two->corrupt_rate == 0);
	EXPECT_TRUE(is_ok("delay all 0.5ms"));
	EXPECT_EQ(one->delay_ns, 500000);
	EXPECT_TRUE(is_ok("delay 2 1us"));
	EXPECT_EQ(two->delay_ns, 1000);
	EXPECT_TRUE(is_ok("delay 2 0"));
	EXPECT_EQ(two->delay_ns, 0);
	EXPECT_TRUE(is_ok("link all down"));
	EXPECT_TRUE(one->is_cut && two->is_cut);
	EXPECT_TRUE(is_ok("link 1 up"));
	EXPECT_TRUE(!one->is_cut && two->is_cut);
	EXPECT_TRUE(is_ok("help"));
	fabric_stop();
}

/* The whole answer; the caller frees it. */
static char *ask(const char *order)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	orders_execute(&test_fabric, order, out);
	fclose(out);
	return text;
}

static bool says(const char *order, const char *what)
{
	char *text = ask(order);
	bool does = strstr(text, what);

	if (!does)
		printf("    no \"%s\" in: %s", what, text);
	free(text);
	return does;
}

KTEST(status_and_counters_are_told_as_text_and_as_json)
{
	struct machine m;
	char word[64];

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	machine_port_up(&m);
	fabric_order("drop 1 0.001");
	fabric_order("delay 1 50us");
	snprintf(word, sizeof(word), "active 2     0x0002c90300000011  %d",
		 (int)getpid());
	EXPECT_TRUE(says("status", word));
	EXPECT_TRUE(says("status", "drop=0.001 delay=50us\n"));
	EXPECT_TRUE(says("status 2", "2    down   0     0x0002c90300000021"));
	EXPECT_TRUE(says(
		"status --json",
		"[{\"node\":1,\"port\":1,\"state\":\"active\",\"lid\":2,"));
	EXPECT_TRUE(says("status 1 --json", "\"qps\":1,"));
	EXPECT_TRUE(says("status 1 --json",
			 "\"drop\":0.001,\"corrupt\":0,\"delay_ns\":50000,"));
	EXPECT_TRUE(says("status 2 --json", "\"process\":null"));
	EXPECT_TRUE(says("counters 1", "packets_sent"));
	EXPECT_TRUE(says("counters 2 --json",
			 "[{\"node\":2,\"port\":1,\"commands\":0,"));
	/* what a host calls itself is not to be trusted */
	strcpy(test_fabric.cards[0].node_description, "a\"\\\x1b[b");
	EXPECT_TRUE(says("status 1 --json", "\"description\":\"a???[b\""));
	machine_stop(&m);
	fabric_stop();
}

KTEST(a_command_fails_when_told_to_and_as_often)
{
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	EXPECT_TRUE(is_ok("fail-command 1 0x004 0x08"));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, m.mailbox), 0x08);
	EXPECT_TRUE(is_ok("fail-command 1 query_fw 3 2"));
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, m.mailbox), 3);
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, m.mailbox), 3);
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, m.mailbox), 0);
	EXPECT_TRUE(is_ok("fail-command 1 QUERY_FW 0x08"));
	EXPECT_TRUE(says("status 1", "failing-commands=1"));
	EXPECT_TRUE(is_ok("fail-command 1 QUERY_FW 0"));
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, m.mailbox), 0);
	for (int i = 0; i < CARD_COMMAND_FAULTS; i++) {
		char order[64];

		snprintf(order, sizeof(order), "fail-command 1 %d 1", 0x10 + i);
		EXPECT_TRUE(is_ok(order));
	}
	EXPECT_TRUE(
		is_answer("fail-command 1 4 1", "ERR 8 commands fail already"));
	machine_stop(&m);
	fabric_stop();
}

KTEST(a_killed_attachment_is_cleaned_up_and_replaced)
{
	struct machine m;
	u32 got;

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	EXPECT_TRUE(is_ok("node 1 kill"));
	EXPECT_EQ(machine_receive(&m, NULL, 0, &got), -1);
	EXPECT_EQ(test_fabric.cards[0].state, HCA_RESET);
	machine_stop(&m);
	machine_start(&m, 0);
	machine_bring_up(&m);
	machine_stop(&m);
	fabric_stop();
}

KTEST(a_paused_machine_waits_for_its_registers_and_goes_on)
{
	struct machine m;
	u8 body[16] = {0};
	u32 got;
	char c;

	fabric_start();
	machine_start(&m, 0);
	EXPECT_TRUE(is_ok("node 1 pause"));
	EXPECT_TRUE(says("status 1", " paused"));
	body[12] = 4; /* bytes of the register, at 0 of region 0 */
	machine_send(&m, 9, 0, body, 16, NULL, 0);
	fabric_settle();
	EXPECT_EQ(recv(m.socket, &c, 1, MSG_DONTWAIT), -1);
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_TRUE(is_ok("node 1 resume"));
	EXPECT_EQ(machine_receive(&m, NULL, 0, &got), 0);
	EXPECT_EQ(got, 20);
	/* the next machine does not inherit it */
	EXPECT_TRUE(is_ok("node 1 pause"));
	machine_stop(&m);
	machine_start(&m, 0);
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, m.mailbox), 0);
	machine_stop(&m);
	fabric_stop();
}

/* -- the socket ------------------------------------------------------- */

static char socket_path[64];

static void socket_start(void)
{
	fabric_start();
	snprintf(socket_path, sizeof(socket_path), "/tmp/brick-control-%d",
		 (int)getpid());
	EXPECT_EQ(control_open(&test_fabric.control, &test_fabric, socket_path),
		  0);
}

static void socket_stop(void)
{
	control_close(&test_fabric.control);
	EXPECT_EQ(access(socket_path, F_OK), -1);
	fabric_stop();
}

static int dial(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, socket_path);
	EXPECT_EQ(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	fabric_settle();
	return fd;
}

static void say(int fd, const char *text, size_t bytes)
{
	if (send(fd, text, bytes, MSG_NOSIGNAL) < 0)
		return; /* hung up on: the reader sees it */
	fabric_settle();
}

/* What has come: number of bytes, 0: hung up, -1: nothing. */
static ssize_t hear(int fd, char *answer, size_t max)
{
	ssize_t n = recv(fd, answer, max - 1, 0);

	answer[n > 0 ? n : 0] = '\0';
	return n;
}

KTEST(control_answers_each_line_once_and_in_order)
{
	char answer[4096];
	int fd;

	socket_start();
	fd = dial();
	say(fd, "drop 1 0.1\ndrop 9 1\n\nli", 23);
	hear(fd, answer, sizeof(answer));
	EXPECT_TRUE(!strcmp(answer, "OK\nERR no port 9: 1 to 2\n"
				    "ERR no order; try help\n"));
	say(fd, "nk 1 down\n", 10);
	hear(fd, answer, sizeof(answer));
	EXPECT_TRUE(!strcmp(answer, "OK\n"));
	EXPECT_TRUE(test_fabric.sw.ports[1].link.faults.is_cut);
	close(fd);
	fabric_settle();
	EXPECT_EQ(test_fabric.control.nr_clients, 0);
	socket_stop();
}

KTEST(control_hangs_up_on_endless_lines_and_on_those_who_do_not_listen)
{
	static char flood[64 << 10];
	char answer[256];
	int fd;

	socket_start();
	memset(flood, 'x', sizeof(flood));
	fd = dial();
	say(fd, flood, sizeof(flood));
	EXPECT_TRUE(hear(fd, answer, sizeof(answer)) > 0);
	EXPECT_TRUE(!strcmp(answer, "ERR the order is too long\n"));
	EXPECT_TRUE(hear(fd, answer, sizeof(answer)) <= 0);
	close(fd);
	fd = dial();
	for (size_t i = 4; i < sizeof(flood); i += 5)
		memcpy(flood + i - 4, "help\n", 5);
	for (int i = 0; i < 100 && test_fabric.control.nr_clients; i++)
		say(fd, flood, sizeof(flood) / 5 * 5);
	EXPECT_EQ(test_fabric.control.nr_clients, 0);
	close(fd);
	socket_stop();
}

KTEST(control_survives_any_bytes)
{
	char noise[700], answer[1 << 16];
	u32 seed = 1;
	int fd;

	socket_start();
	for (int round = 0; round < 500; round++) {
		fd = dial();
		for (size_t i = 0; i < sizeof(noise); i++) {
			seed = seed * 1664525 + 1013904223;
			noise[i] = (char)(seed >> 24);
			if (seed >> 16 & 1)
				noise[i] = "drop 1\n\0.%"[(seed >> 20) % 10];
		}
		say(fd, noise, sizeof(noise));
		hear(fd, answer, sizeof(answer));
		close(fd);
	}
	fd = dial();
	say(fd, "drop 1 0\0 1\n", 12);
	hear(fd, answer, sizeof(answer));
	EXPECT_TRUE(!strcmp(answer, "ERR an order is a line of ASCII text\n"));
	say(fd, "status\n", 7);
	hear(fd, answer, sizeof(answer));
	EXPECT_TRUE(strstr(answer, "\nOK\n") != NULL);
	close(fd);
	socket_stop();
}

KTEST(control_takes_so_many_clients_and_no_more)
{
	int fds[CONTROL_MAX_CLIENTS + 1];
	char answer[64];

	socket_start();
	for (int i = 0; i <= CONTROL_MAX_CLIENTS; i++)
		fds[i] = dial();
	EXPECT_TRUE(hear(fds[CONTROL_MAX_CLIENTS], answer, 64) > 0);
	EXPECT_TRUE(!strcmp(answer, "ERR too many clients\n"));
	say(fds[0], "seed 5\n", 7);
	EXPECT_TRUE(hear(fds[0], answer, 64) == 3);
	close(fds[0]);
	fabric_settle();
	fds[0] = dial();
	say(fds[0], "seed 5\n", 7);
	EXPECT_TRUE(hear(fds[0], answer, 64) == 3);
	EXPECT_EQ(test_fabric.sw.seed, 5);
	for (int i = 0; i <= CONTROL_MAX_CLIENTS; i++)
		close(fds[i]);
	socket_stop(); /* with clients that are still there */
}

/* fabric_settle() would not return while a client waits to be accepted. */
KTEST(a_client_without_a_descriptor_is_hung_up_on)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct rlimit before, few;
	static int all[512];
	char answer[64];
	int nr = 0, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	socket_start();
	strcpy(sun.sun_path, socket_path);
	EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){ARRAY_LEN(all), before.rlim_max};
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (nr < (int)ARRAY_LEN(all) && (all[nr] = dup(fd)) >= 0)
		nr++;
	EXPECT_TRUE(nr < (int)ARRAY_LEN(all));
	EXPECT_EQ(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	for (int i = 0; i < 10; i++)
		loop_turn(0);
	EXPECT_EQ(loop_turn(0), 0);
	while (nr)
		close(all[--nr]);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	EXPECT_EQ(hear(fd, answer, sizeof(answer)), 0);
	close(fd);
	fd = dial();
	say(fd, "seed 6\n", 7);
	EXPECT_TRUE(hear(fd, answer, 64) == 3);
	close(fd);
	socket_stop();
}
