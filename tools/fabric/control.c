/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "control.h"
#include "fabric.h"
#include "log.h"
#include "orders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char who[] = "control";

struct control_client {
	struct control_client *next;
	struct control *control;
	struct source source;
	char line[ORDER_MAX_BYTES]; /* what has come of the next order */
	size_t filled;
};

static void hang_up(struct control_client *client)
{
	struct control_client **at = &client->control->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	client->control->nr_clients--;
	loop_remove(&client->source);
	close(client->source.fd);
	free(client);
}

/* All at once: a socket has room for the answers of one who reads them. */
static bool send_text(int fd, const char *text, size_t bytes)
{
	return send(fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)bytes;
}

static bool answer(struct control_client *client, const char *line)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	bool is_sent;

	if (!out)
		return false;
	orders_execute(client->control->fabric, line, out);
	is_sent = !fclose(out) && send_text(client->source.fd, text, bytes);
	free(text);
	if (!is_sent)
		log_warn(who, "a client did not read its answers");
	return is_sent;
}

/* Carry out the lines that are complete.  False: hang up. */
static bool take_lines(struct control_client *client)
{
	static const char too_long[] = "ERR the order is too long\n";
	char *start = client->line, *end = start + client->filled, *newline;

	while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
		/* a NUL would hide the rest: make it one that is refused */
		for (char *c = start; c < newline; c++)
			*c = *c ? *c : '\x7f';
		*newline = '\0';
		if (!answer(client, start))
			return false;
		start = newline + 1;
	}
	client->filled = (size_t)(end - start);
	memmove(client->line, start, client->filled);
	if (client->filled < sizeof(client->line))
		return true;
	send_text(client->source.fd, too_long, strlen(too_long));
	return false;
}

static void client_ready(struct source *source, u32 epoll_events)
{
	struct control_client *client =
		owner_of(source, struct control_client, source);
	ssize_t n = recv(source->fd, client->line + client->filled,
			 sizeof(client->line) - client->filled, MSG_DONTWAIT);

	(void)epoll_events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		client->filled += (size_t)n;
	if (n <= 0 || !take_lines(client))
		hang_up(client);
}

static void listener_ready(struct source *source, u32 epoll_events)
{
	static const char too_many[] = "ERR too many clients\n";
	struct control *control = owner_of(source, struct control, listener);
	int fd = loop_accept(source);
	struct control_client *client = NULL;

	(void)epoll_events;
	if (fd < 0)
		return;
	if (control->nr_clients < CONTROL_MAX_CLIENTS)
		client = calloc(1, sizeof(*client));
	if (!client) {
		send_text(fd, too_many, strlen(too_many));
		close(fd);
		return;
	}
	client->control = control;
	client->source.fd = fd;
	client->source.ready = client_ready;
	client->next = control->clients;
	control->clients = client;
	control->nr_clients++;
	if (loop_add(&client->source, EPOLLIN))
		hang_up(client);
}

int control_open(struct control *control, struct fabric *fabric,
		 const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = -1, err = -ENAMETOOLONG;

	if (strlen(path) >= sizeof(sun.sun_path))
		goto fail;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) ||
	    listen(fd, CONTROL_MAX_CLIENTS)) {
		err = -errno;
		goto fail;
	}
	*control = (struct control){
		.listener = {.fd = fd, .ready = listener_ready},
		.fabric = fabric,
	};
	strcpy(control->path, path);
	err = loop_add(&control->listener, EPOLLIN);
	if (!err)
		return 0;
	control->listener.fd = 0;
fail:
	if (fd >= 0)
		close(fd);
	log_err(who, "%s: %s", path, strerror(-err));
	return err;
}

void control_close(struct control *control)
{
	if (!control->listener.fd)
		return;
	while (control->clients)
		hang_up(control->clients);
	loop_remove(&control->listener);
	close(control->listener.fd);
	unlink(control->path);
	control->listener.fd = 0;
}
