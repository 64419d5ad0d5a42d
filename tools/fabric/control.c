/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control.h"
#include "fabric.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char who[] = "control";

static const char help[] =
	"drop PORT PERMILLE: lose so many messages of a thousand\n"
	"delay PORT MICROSECONDS: of each message\n"
	"link PORT down|up: cut the cable, mend it\n"
	"kill PORT: end the machine's attachment\n"
	"fail PORT OPCODE STATUS: answer a command so; STATUS 0 ends it\n"
	"stats: print the counters to the log\n"
	"PORT is 1 to the number of cards\n";

static const char *do_link(struct fabric *fabric, unsigned int port,
			   const char *what)
{
	struct link_faults *faults = &fabric->sw.ports[port].faults;

	if (!strcmp(what, "down"))
		faults->is_cut = true;
	else if (!strcmp(what, "up"))
		faults->is_cut = false;
	else
		return "link: down or up?\n";
	switch_link_changed(&fabric->sw, &fabric->cards[port - 1]);
	return "ok\n";
}

static const char *execute_at(struct fabric *fabric, const char *verb,
			      unsigned int port, const char *arguments)
{
	struct link_faults *faults = &fabric->sw.ports[port].faults;
	struct card *card = &fabric->cards[port - 1];
	unsigned int a = 0, b = 0;
	char word[16] = "";
	int nr = sscanf(arguments, "%i %i", (int *)&a, (int *)&b);

	if (!strcmp(verb, "kill")) {
		vfu_server_disconnect(&card->server);
		return "ok\n";
	}
	if (!strcmp(verb, "link")) {
		sscanf(arguments, "%15s", word);
		return do_link(fabric, port, word);
	}
	if (!strcmp(verb, "drop") && nr >= 1 && a <= 1000) {
		faults->drop_permille = a;
		return "ok\n";
	}
	if (!strcmp(verb, "delay") && nr >= 1 && a <= 10000000) {
		faults->delay_ns = a * 1000ull;
		return "ok\n";
	}
	if (!strcmp(verb, "fail") && nr == 2 && a <= 0xfff && b <= 0xff) {
		card->fail_opcode = (u16)a;
		card->fail_status = (u8)b;
		return "ok\n";
	}
	return "what? try help\n";
}

const char *control_execute(struct fabric *fabric, const char *order)
{
	char verb[16] = "";
	unsigned int port = 0;
	int used = 0;

	sscanf(order, "%15s %u%n", verb, &port, &used);
	if (!strcmp(verb, "help"))
		return help;
	if (!strcmp(verb, "stats")) {
		stats_print(fabric);
		return "ok\n";
	}
	if (port < 1 || port > fabric->nr_cards)
		return "no such port\n";
	return execute_at(fabric, verb, port, order + used);
}

static void ready(struct source *source, u32 epoll_events)
{
	struct control *control = owner_of(source, struct control, source);
	struct sockaddr_un from;
	socklen_t from_bytes = sizeof(from);
	char order[256];
	const char *answer;
	ssize_t n = recvfrom(source->fd, order, sizeof(order) - 1, MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_bytes);

	(void)epoll_events;
	if (n < 0)
		return;
	order[n] = '\0';
	order[strcspn(order, "\n")] = '\0';
	answer = control_execute(control->fabric, order);
	log_info(who, "\"%s\": %.*s", order, (int)strcspn(answer, "\n"),
		 answer);
	if (from_bytes > sizeof(from.sun_family))
		sendto(source->fd, answer, strlen(answer), MSG_DONTWAIT,
		       (struct sockaddr *)&from, from_bytes);
}

int control_open(struct control *control, struct fabric *fabric,
		 const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int err = -ENAMETOOLONG;

	if (strlen(path) >= sizeof(sun.sun_path))
		goto fail;
	strcpy(sun.sun_path, path);
	strcpy(control->path, path);
	control->fabric = fabric;
	control->source.ready = ready;
	control->source.fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path);
	if (control->source.fd < 0 ||
	    bind(control->source.fd, (struct sockaddr *)&sun, sizeof(sun))) {
		err = -errno;
		goto fail;
	}
	err = loop_add(&control->source, EPOLLIN);
	if (!err)
		return 0;
fail:
	log_err(who, "%s: %s", path, strerror(-err));
	return err;
}

void control_close(struct control *control)
{
	if (!control->source.fd)
		return;
	loop_remove(&control->source);
	close(control->source.fd);
	unlink(control->path);
	control->source.fd = 0;
}
