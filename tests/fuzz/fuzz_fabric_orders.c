/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What people write for the fabric: a topology file, then a line "---", then
 * what a client sends to the control socket.  Whatever it is, what the file
 * gives is in range, each order is answered by one last line OK or ERR, and
 * answers are text, those that are asked for as JSON nest.
 */
#define _GNU_SOURCE
#include "fabric_direct.h"
#include "tools/fabric/control.h"
#include "tools/fabric/fabric.h"
#include "tools/fabric/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_GUID = 0x10, MAX_ANSWER_BYTES = 1 << 16 };

static const char separator[] = "\n---\n";
static struct control control;
static struct topology topology;

static void expect(bool is_right)
{
	if (!is_right)
		abort();
}

static bool is_rate(double rate)
{
	return rate >= 0 && rate <= 1;
}

static void check_port(const struct port_plan *plan)
{
	expect(is_rate(plan->faults.drop_rate));
	expect(is_rate(plan->faults.corrupt_rate));
	expect(plan->faults.delay_ns <= 10000000000ull);
	expect(plan->nr_pkeys <= PLAN_MAX_PKEYS);
}

static void check_plan(const struct card_plan *plan)
{
	expect(plan->ports[0].is_given);
	for (int i = 0; i < CARD_MAX_PORTS; i++)
		check_port(&plan->ports[i]);
	expect(memchr(plan->socket, 0, sizeof(plan->socket)));
	expect(memchr(plan->description, 0, sizeof(plan->description)));
}

/* Fill topology from @text; what it leaves open is the same for each input. */
static void read_topology(const u8 *text, size_t bytes)
{
	char path[32], error[256] = "";
	int fd = memfd_create("topology", MFD_CLOEXEC);

	expect(fd >= 0 && write(fd, text, bytes) == (ssize_t)bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(&topology, 0, sizeof(topology));
	if (topology_read(&topology, path, error, sizeof(error))) {
		expect(topology.nr_cards >= 1 &&
		       topology_nr_ports(&topology) <= TOPOLOGY_MAX_PORTS);
		for (unsigned int i = 0; i < topology.nr_cards; i++)
			check_plan(&topology.cards[i]);
	} else {
		expect(!strncmp(error, path, strlen(path)));
		memset(&topology, 0, sizeof(topology));
	}
	close(fd);
	topology.nr_cards = NR_MACHINES;
	for (unsigned int i = 0; i < NR_MACHINES; i++) {
		struct card_plan *plan = &topology.cards[i];

		if (!plan->guid)
			plan->guid = FIRST_GUID + 16 * i;
		if (!plan->description[0])
			strcpy(plan->description, "nobody");
	}
}

static void listen_for_orders(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/brick-fuzz-orders-%d", getpid());
	expect(!control_open(&control, &test_fabric, path));
}

static int client_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (!control.fabric)
		listen_for_orders();
	strcpy(sun.sun_path, control.path);
	expect(fd >= 0 && !connect(fd, (struct sockaddr *)&sun, sizeof(sun)));
	fabric_settle();
	return fd;
}

/* Objects and lists end as they began, strings end in their line. */
static void check_json(const char *line, const char *end)
{
	char open[32];
	unsigned int depth = 0;
	bool is_string = false;

	for (; line < end; line++) {
		if (is_string && *line == '\\')
			line++;
		else if (*line == '"')
			is_string = !is_string;
		else if (!is_string && (*line == '{' || *line == '[')) {
			expect(depth < sizeof(open));
			open[depth++] = *line;
		} else if (!is_string && (*line == '}' || *line == ']'))
			expect(depth && open[--depth] + 2 == *line);
	}
	expect(line == end && !depth && !is_string);
}

/* Return: how many orders these lines answer. */
static unsigned int check_answers(const char *text, size_t bytes)
{
	const char *end = text + bytes, *newline;
	unsigned int nr = 0;

	for (const char *line = text; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		expect(newline);
		for (const char *c = line; c < newline; c++)
			expect(*c >= ' ' && *c <= '~');
		nr += !strncmp(line, "OK\n", 3) || !strncmp(line, "ERR ", 4);
		if (*line == '{' || *line == '[')
			check_json(line, newline);
	}
	return nr;
}

/* Each line is sent by itself, so that its answer can be told. */
static void give_orders(const u8 *text, size_t bytes)
{
	static char answer[MAX_ANSWER_BYTES];
	int fd = client_connect();

	while (bytes) {
		const u8 *newline = memchr(text, '\n', bytes);
		size_t n = newline ? (size_t)(newline - text) + 1 : bytes;
		ssize_t got;

		if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
			break; /* hung up on: the line before was too long */
		fabric_settle();
		got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
		if (got > 0)
			expect(check_answers(answer, (size_t)got) == 1);
		else
			expect(!newline);
		text += n;
		bytes -= n;
	}
	close(fd);
	fabric_settle();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const u8 *orders = memmem(data, size, separator, strlen(separator));
	size_t file_bytes = orders ? (size_t)(orders - data) + 1 : size;

	direct_reset();
	read_topology(data, file_bytes);
	fabric_configure(&test_fabric, &topology);
	if (orders) {
		orders += strlen(separator);
		give_orders(orders, size - (size_t)(orders - data));
	}
	return 0;
}
