/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "fabric_process.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void fabric_start(struct fabric_process *f, unsigned int nr_cards)
{
	const char *program = getenv("BRICK_FABRIC");
	char count[16];

	if (!program)
		program = "build/tools/brick-fabric";
	strcpy(f->dir, "/tmp/brick-unit-XXXXXX");
	if (!mkdtemp(f->dir)) {
		perror(f->dir);
		exit(3);
	}
	f->nr_cards = nr_cards;
	snprintf(count, sizeof(count), "%u", nr_cards);
	f->pid = fork();
	if (f->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(program, program, getenv("UNIT_LOG") ? "--verbose" : "--quiet",
	      "--dir", f->dir, "--ports", count, NULL);
	perror(program);
	_exit(127);
}

const char *fabric_socket(const struct fabric_process *f, unsigned int n)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/card%u.sock", f->dir, n);
	return path;
}

void fabric_stop(struct fabric_process *f)
{
	kill(f->pid, SIGTERM);
	waitpid(f->pid, NULL, 0);
	for (unsigned int n = 1; n <= f->nr_cards; n++)
		unlink(fabric_socket(f, n));
	rmdir(f->dir);
}
