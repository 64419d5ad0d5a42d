/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The topology file, and ports that are what it says. */
#include "fabric_client.h"

#include <lib/ktest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct topology topology;
static char error[256];

/* Read @bytes of @text as a file; the error without the file's name. */
static bool reads_bytes(const char *text, size_t bytes)
{
	char path[] = "/tmp/brick-topology-XXXXXX", all[512];
	int fd = mkstemp(path);
	bool is_good;

	if (write(fd, text, bytes) != (ssize_t)bytes)
		abort();
	close(fd);
	memset(&topology, 0, sizeof(topology));
	strcpy(all, path);
	is_good = topology_read(&topology, path, all, sizeof(all));
	EXPECT_TRUE(!strncmp(all, path, strlen(path)));
	snprintf(error, sizeof(error), "%s", all + strlen(path));
	unlink(path);
	return is_good;
}

static bool reads(const char *text)
{
	return reads_bytes(text, strlen(text));
}

KTEST(topology_mistakes_are_told_with_their_line)
{
	static const char *const wrong[][2] = {
		{"", ": no [port 1]"},
		{"# nothing\n\n", ": no [port 1]"},
		{"[port 2]\n", ": no [port 1], but a [port 2]"},
		{"[port 1",
		 ":1: a section is [port NUMBER] or [port NUMBER:2]"},
		{"[port 1] x",
		 ":1: a section is [port NUMBER] or [port NUMBER:2]"},
		{"[switch]",
		 ":1: a section is [port NUMBER] or [port NUMBER:2]"},
		{"[port 0]", ":1: ports are 1 to 32"},
		{"[port 33]", ":1: ports are 1 to 32"},
		{"[port 1:3]", ":1: a card has port 1 and perhaps 2"},
		{"[port 1:0]", ":1: a card has port 1 and perhaps 2"},
		{"[port 1:2] x",
		 ":1: a section is [port NUMBER] or [port NUMBER:2]"},
		{"[port 1:2]", ": no [port 1], but a [port 1:2]"},
		{"[port 1:1]\n[port 1]", ":2: a second [port 1]"},
		{"[port 1]\n[port 1:2]\n[port 1:2]", ":3: a second [port 1:2]"},
		{"[port 1]\n[port 1:2]\nguid = 0x40",
		 ":3: guid is the card's: say it of port 1"},
		{"[port 4294967297]",
		 ":1: a section is [port NUMBER] or [port NUMBER:2]"},
		{"\n[port 1]\n[port 1]", ":3: a second [port 1]"},
		{"drop = 1", ":1: a key before the first [port NUMBER]"},
		{"[port 1]\nfish", ":2: neither [port NUMBER] nor KEY = VALUE"},
		{"[port 1]\nfish = 1", ":2: no key \"fish\""},
		{"[port 1]\nlink = up\nlink = down", ":3: link is given twice"},
		{"[port 1]\nguid = 0", ":2: guid wants a number of 64 bits"},
		{"[port 1]\nguid = 0x10000000000000000",
		 ":2: guid wants a number of 64 bits"},
		{"[port 1]\ndescription =",
		 ":2: description wants 1 to 63 characters"},
		{"[port 1]\nwidth = 12x", ":2: width wants 1x or 4x"},
		{"[port 1]\nspeed = fast", ":2: speed wants sdr, ddr or qdr"},
		{"[port 1]\npkeys = 0x8000",
		 ":2: pkeys wants 1 to 16 numbers of 16 bits"},
		{"[port 1]\npkeys = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
		 ":2: pkeys wants 1 to 16 numbers of 16 bits"},
		{"[port 1]\nlink = maybe", ":2: link wants down or up"},
		{"[port 1]\ndrop = 2",
		 ":2: drop wants a rate: 0 to 1, or a percentage"},
		{"[port 1]\ndelay = 3",
		 ":2: delay wants a time: 50us, 1ms, up to 10s"},
		{"[port 1]\nguid = 0x11\n[port 2]\nguid = 0x12",
		 ": ports 1 and 2 have one guid"},
		{"[port 1]\nguid = 0x13\n[port 2]\nguid = 0x16",
		 ": ports 1 and 2 have one guid"},
		{"[port 1]\nguid = 0x16\n[port 2]\nguid = 0x13",
		 ": ports 1 and 2 have one guid"},
	};
	char line[300];

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		EXPECT_TRUE(!reads(wrong[i][0]));
		EXPECT_TRUE(!strcmp(error, wrong[i][1]));
		if (strcmp(error, wrong[i][1]))
			printf("    \"%s\" not \"%s\"\n", error, wrong[i][1]);
	}
	EXPECT_TRUE(reads("[port 1]\n[port 2]\nguid = 2"));
	memset(line, 'x', sizeof(line));
	EXPECT_TRUE(!reads_bytes(line, sizeof(line)));
	EXPECT_TRUE(!strcmp(error, ":1: the line is too long"));
	EXPECT_TRUE(!topology_read(&topology, "/nonexistent/t", error,
				   sizeof(error)));
	EXPECT_TRUE(
		!strcmp(error, "/nonexistent/t: No such file or directory"));
}

KTEST(topology_of_any_bytes_is_read_or_refused)
{
	char noise[400];
	u32 seed = 1;

	for (int round = 0; round < 500; round++) {
		strcpy(noise, "[port 1]\n");
		for (size_t i = 9; i < sizeof(noise); i++) {
			seed = seed * 1664525 + 1013904223;
			noise[i] =
				seed >> 16 & 3
					? "[port 1]=\n drop\0"[seed >> 20 & 15]
					: (char)(seed >> 24);
		}
		reads_bytes(noise, sizeof(noise));
	}
}

KTEST(ports_are_what_the_topology_says_also_after_a_reset)
{
	const struct link_faults *faults;
	struct port *port;
	struct machine m;

	EXPECT_TRUE(reads("[port 2]\n"
			  "  link = down   \n"
			  "corrupt=1%\n"
			  "# a comment\n"
			  "[port 1]\r\n"
			  "guid = 0x0002c903000a0000\n"
			  "description = far = away\n"
			  "width = 1x\n"
			  "speed = ddr\n"
			  "pkeys = 0xffff, 0x8001\n"
			  "delay = 50us\n"
			  "socket = x/y.sock"));
	EXPECT_EQ(topology.nr_cards, 2);
	EXPECT_TRUE(!strcmp(topology.cards[0].socket, "x/y.sock"));
	fabric_start();
	fabric_configure(&test_fabric, &topology);
	faults = &test_fabric.sw.ports[2].link.faults;
	EXPECT_TRUE(faults->is_cut && faults->corrupt_rate == 0.01);
	EXPECT_EQ(test_fabric.sw.ports[1].link.faults.delay_ns, 50000);
	machine_start(&m, 0);
	machine_bring_up(&m);
	machine_port_up(&m);
	port = &test_fabric.cards[0].ports[0].ib;
	EXPECT_EQ(port->guids[0], 0x0002c903000a0001);
	EXPECT_EQ(port->info[31], 1);      /* 1x ... */
	EXPECT_EQ(port->info[30], 1);      /* and no more */
	EXPECT_EQ(port->info[32] >> 4, 3); /* SDR, DDR */
	EXPECT_EQ(port->info[35], 0x23);   /* DDR active */
	EXPECT_EQ(test_fabric.sw.ports[1].port.info[35], 0x23);
	EXPECT_EQ(port->pkeys[1], 0x8001);
	EXPECT_TRUE(
		!strcmp(test_fabric.cards[0].node_description, "far = away"));
	machine_stop(&m);
	EXPECT_EQ(port->pkeys[1], 0x8001);
	EXPECT_EQ(port->info[35], 0x23);
	machine_start(&m, 1);
	machine_bring_up(&m);
	EXPECT_EQ(machine_command(&m, 0x009, 0, 1, 0, 0), 0);
	EXPECT_EQ(port_state(&test_fabric.cards[1].ports[0].ib), PORT_DOWN);
	EXPECT_EQ(test_fabric.cards[1].ports[0].ib.info[35], 0x47);
	machine_stop(&m);
	fabric_stop();
}
