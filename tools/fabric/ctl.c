/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "ctl.h"
#include "orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STATUS_OK, STATUS_REFUSED, STATUS_FAILED };

static void print_usage(FILE *out)
{
	fputs("usage: brick-fabric ctl SOCKET ORDER...\n"
	      "       brick-fabric ctl SOCKET < ORDERS\n"
	      "\n"
	      "Gives an order, or those that standard input has one a line, "
	      "to\n"
	      "the fabric whose control socket (its option --control) is "
	      "SOCKET.\n"
	      "\n",
	      out);
	orders_print_help(out);
	fputs("\nExit status: 0: done; 1: an order was refused; 2: the fabric\n"
	      "could not be asked.\n",
	      out);
}

/* Both directions of the connection, or NULL with a message. */
static FILE *dial(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	FILE *stream = NULL;
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		fprintf(stderr, "brick-fabric: %s: name too long\n", path);
		return NULL;
	}
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		stream = fdopen(fd, "r+");
	if (stream)
		return stream;
	fprintf(stderr, "brick-fabric: %s: %m\n", path);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Send one order, print its answer but for the last line's OK. */
static int ask(FILE *stream, const char *order)
{
	char *line = NULL;
	size_t size = 0;
	int status = STATUS_FAILED;

	fprintf(stream, "%s\n", order);
	fflush(stream);
	while (status == STATUS_FAILED && getline(&line, &size, stream) > 0) {
		if (!strcmp(line, "OK\n")) {
			status = STATUS_OK;
		} else if (!strncmp(line, "ERR ", 4)) {
			fprintf(stderr, "brick-fabric: %s", line + 4);
			status = STATUS_REFUSED;
		} else {
			fputs(line, stdout);
		}
	}
	if (status == STATUS_FAILED)
		fprintf(stderr, "brick-fabric: the fabric hung up\n");
	free(line);
	return status;
}

/* Every line is given, whatever became of those before. */
static int ask_lines(FILE *stream)
{
	char *line = NULL;
	size_t size = 0;
	int status = STATUS_OK;

	while (status != STATUS_FAILED && getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#') {
			int one = ask(stream, line);

			status = one > status ? one : status;
		}
		fflush(stdout);
	}
	free(line);
	return status;
}

/* The words as one line; false: too long. */
static bool join(char *order, size_t size, int nr, char **words)
{
	size_t used = 0;

	for (int i = 0; i < nr; i++) {
		int n = snprintf(order + used, size - used, "%s%s",
				 i ? " " : "", words[i]);

		if (n < 0 || (size_t)n >= size - used)
			return false;
		used += (size_t)n;
	}
	return !strchr(order, '\n');
}

int ctl_main(int argc, char **argv)
{
	char order[ORDER_MAX_BYTES];
	FILE *stream;
	int status;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? STATUS_FAILED : STATUS_OK;
	}
	if (argc > 2 && !join(order, sizeof(order), argc - 2, argv + 2)) {
		fprintf(stderr, "brick-fabric: an order is one short line\n");
		return STATUS_FAILED;
	}
	stream = dial(argv[1]);
	if (!stream)
		return STATUS_FAILED;
	status = argc > 2 ? ask(stream, order) : ask_lines(stream);
	fclose(stream);
	return status;
}
