/* SPDX-License-Identifier: GPL-2.0-or-later */
/* brick-fabric: the virtual InfiniBand fabric.  See Documentation/fabric.md. */
#define _GNU_SOURCE
#include "capture.h"
#include "ctl.h"
#include "fabric.h"
#include "log.h"
#include "loop.h"
#include "orders.h"
#include "stats.h"
#include "topology.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool wants_stats, wants_end;

static const char usage[] =
	"usage: brick-fabric [OPTION]... --dir DIR --ports N\n"
	"       brick-fabric [OPTION]... --dir DIR --topology FILE\n"
	"       brick-fabric [OPTION]... SOCKET...\n"
	"       brick-fabric ctl CONTROL ORDER...\n"
	"\n"
	"Models ConnectX-3 cards and the managed InfiniBand switch between\n"
	"them.  Each card is a unix socket (DIR/card1.sock to DIR/cardN.sock,\n"
	"or as named) to which one QEMU at a time attaches:\n"
	"\n"
	"  -object memory-backend-memfd,id=m0,size=SIZE,share=on\n"
	"  -machine q35,memory-backend=m0\n"
	"  -device '{\"driver\":\"vfio-user-pci\",\"x-msg-timeout\":600000,\n"
	"            \"socket\":{\"type\":\"unix\",\"path\":\"SOCKET\"}}'\n"
	"\n"
	"  -d, --dir DIR     make the sockets in DIR\n"
	"  -n, --ports N     how many cards (1 to 32)\n"
	"      --card-ports N  with how many ports each: 1 (unless said), 2\n"
	"  -t, --topology F  what each port is to be: sections [port N],\n"
	"                    and [port N:2] of a card's second one, with\n"
	"                    lines KEY = VALUE of guid, description, socket,\n"
	"                    width, speed, pkeys, link, drop, corrupt, delay\n"
	"  -g, --guid GUID   of the first card's node; the others' follow, 16\n"
	"                    apart\n"
	"  -l, --log FILE    write the log there, not to standard error\n"
	"  -v, --verbose     log every command and management packet\n"
	"  -q, --quiet       log warnings and errors only\n"
	"  -s, --stats       print the counters at the end\n"
	"  -c, --control S   take orders on unix socket S, as those of\n"
	"                    'brick-fabric ctl': see 'brick-fabric ctl "
	"--help'\n"
	"      --seed N      of what orders make go wrong by chance (1)\n"
	"  -p, --pcap FILE   write what crosses the fabric to FILE, for\n"
	"                    tshark or Wireshark\n"
	"  -S, --no-sm       without subnet manager and administrator, for\n"
	"                    OpenSM in a guest\n"
	"  -b, --blueflame   let the cards take requests with their doorbell\n"
	"  -h, --help        this\n"
	"\n"
	"SIGUSR1 prints the counters; SIGTERM and SIGINT end the program.\n";

struct options {
	const char *dir, *log, *control, *pcap;
	unsigned int nr_cards, nr_card_ports;
	u64 seed, guid;
	struct topology topology;
	bool prints_stats, has_no_sm, has_blueflame;
};

enum { OPTION_SEED = 0x100, OPTION_CARD_PORTS }; /* those without a letter */

/* The last card's four GUIDs are numbers, too. */
#define MAX_GUID (UINT64_MAX - 16 * FABRIC_MAX_CARDS)

static void signal_ready(struct source *source, u32 epoll_events)
{
	struct signalfd_siginfo info;

	(void)epoll_events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		wants_stats = true;
	else
		wants_end = true;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "brick-fabric: %s\nTry 'brick-fabric --help'.\n", what);
	exit(2);
}

static void read_topology(struct options *o, const char *path)
{
	char error[512];

	if (o->topology.nr_cards)
		fail("one --topology is enough");
	if (!topology_read(&o->topology, path, error, sizeof(error)))
		fail(error);
}

static unsigned int get_count(const char *word, u64 max, const char *wrong)
{
	u64 number;

	if (!parse_number(word, max, &number) || !number)
		fail(wrong);
	return (unsigned int)number;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"dir", required_argument, NULL, 'd'},
		{"ports", required_argument, NULL, 'n'},
		{"card-ports", required_argument, NULL, OPTION_CARD_PORTS},
		{"topology", required_argument, NULL, 't'},
		{"guid", required_argument, NULL, 'g'},
		{"log", required_argument, NULL, 'l'},
		{"verbose", no_argument, NULL, 'v'},
		{"quiet", no_argument, NULL, 'q'},
		{"stats", no_argument, NULL, 's'},
		{"control", required_argument, NULL, 'c'},
		{"pcap", required_argument, NULL, 'p'},
		{"no-sm", no_argument, NULL, 'S'},
		{"seed", required_argument, NULL, OPTION_SEED},
		{"blueflame", no_argument, NULL, 'b'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:n:t:g:l:c:p:vqsSbh", longs,
				NULL)) != -1) {
		switch (c) {
		case 'd':
			o->dir = optarg;
			break;
		case 'n':
			o->nr_cards = get_count(optarg, FABRIC_MAX_CARDS,
						"--ports is 1 to 32");
			break;
		case OPTION_CARD_PORTS:
			o->nr_card_ports = get_count(optarg, CARD_MAX_PORTS,
						     "--card-ports is 1 or 2");
			break;
		case 't':
			read_topology(o, optarg);
			break;
		case 'g':
			if (!parse_number(optarg, MAX_GUID, &o->guid) ||
			    !o->guid)
				fail("--guid wants a number of 64 bits");
			break;
		case 'l':
			o->log = optarg;
			break;
		case 'c':
			o->control = optarg;
			break;
		case 'p':
			o->pcap = optarg;
			break;
		case 'v':
			log_threshold = LOG_LEVEL_DEBUG;
			break;
		case 'q':
			log_threshold = LOG_LEVEL_WARN;
			break;
		case OPTION_SEED:
			if (!parse_number(optarg, UINT64_MAX, &o->seed))
				fail("--seed wants a number");
			break;
		case 's':
			o->prints_stats = true;
			break;
		case 'S':
			o->has_no_sm = true;
			break;
		case 'b':
			o->has_blueflame = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fail("unknown option");
		}
	}
}

/* The file's name in DIR, if there is one; never freed. */
static const char *in_dir(const struct options *o, const char *name)
{
	char *path;

	if (!o->dir || name[0] == '/')
		return name;
	if (asprintf(&path, "%s/%s", o->dir, name) < 0)
		fail("out of memory");
	return path;
}

static const char *name_socket(const struct options *o, unsigned int index)
{
	const char *planned = o->topology.cards[index].socket;
	char usual[24];

	if (planned[0])
		return in_dir(o, planned);
	if (!o->dir)
		fail("where are the sockets to be?");
	snprintf(usual, sizeof(usual), "card%u.sock", index + 1);
	return in_dir(o, usual);
}

static void name_sockets(struct options *o, int argc, char **argv,
			 const char **paths)
{
	bool has_names = optind < argc;
	unsigned int nr_planned = o->topology.nr_cards;

	if (has_names && (o->dir || o->nr_cards))
		fail("give --dir and --ports, or sockets, not both");
	if (has_names)
		o->nr_cards = (unsigned int)(argc - optind);
	else if (!o->nr_cards)
		o->nr_cards = nr_planned;
	if (o->nr_cards < 1 || o->nr_cards > FABRIC_MAX_CARDS)
		fail("--ports is 1 to 32");
	if (nr_planned && nr_planned != o->nr_cards)
		fail("the topology has another number of ports");
	for (unsigned int i = 0; i < o->nr_cards; i++)
		paths[i] =
			has_names ? argv[optind + (int)i] : name_socket(o, i);
}

static void number_cards(struct options *o)
{
	for (u64 i = 0; o->guid && i < FABRIC_MAX_CARDS; i++)
		if (!o->topology.cards[i].guid)
			o->topology.cards[i].guid = o->guid + 16 * i;
}

/* As many cards as sockets, and their ports. */
static void count_ports(struct options *o)
{
	struct topology *t = &o->topology;

	t->nr_cards = o->nr_cards;
	for (unsigned int i = 0; i < t->nr_cards && o->nr_card_ports > 1; i++)
		t->cards[i].ports[1].is_given = true;
	if (topology_nr_ports(t) > TOPOLOGY_MAX_PORTS)
		fail("the cards have more than 32 ports");
}

static int catch_signals(void)
{
	static struct source source = {.ready = signal_ready};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	source.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return source.fd < 0 ? -errno : loop_add(&source, EPOLLIN);
}

int main(int argc, char **argv)
{
	const char *paths[FABRIC_MAX_CARDS];
	static struct options options = {.seed = 1};
	struct fabric fabric;

	if (argc > 1 && !strcmp(argv[1], "ctl"))
		return ctl_main(argc - 1, argv + 1);
	parse_options(argc, argv, &options);
	name_sockets(&options, argc, argv, paths);
	number_cards(&options);
	count_ports(&options);
	if (options.log && log_open(options.log)) {
		perror(options.log);
		return 1;
	}
	if (options.pcap && capture_open(options.pcap)) {
		perror(options.pcap);
		return 1;
	}
	if (loop_open() || catch_signals() ||
	    fabric_open(&fabric, &options.topology, paths))
		return 1;
	fabric.has_blueflame = options.has_blueflame;
	if (options.has_no_sm)
		sm_turn_off(&fabric.sw.sm);
	if (options.control &&
	    control_open(&fabric.control, &fabric, options.control)) {
		fabric_close(&fabric);
		return 1;
	}
	switch_seed(&fabric.sw, options.seed);
	log_info("fabric", "%u cards, from %s; seed %llu", options.nr_cards,
		 paths[0], (unsigned long long)options.seed);
	while (!wants_end) {
		if (wants_stats)
			stats_print(&fabric);
		wants_stats = false;
		loop_turn(-1);
	}
	if (options.prints_stats)
		stats_print(&fabric);
	control_close(&fabric.control);
	fabric_close(&fabric);
	loop_close();
	capture_close();
	return 0;
}
