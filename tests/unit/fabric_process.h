/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FABRIC_PROCESS_H
#define TESTS_FABRIC_PROCESS_H
/* A fabric program for a test, with its sockets in a folder of its own. */
#include <sys/types.h>

struct fabric_process {
	pid_t pid;
	unsigned int nr_cards;
	char dir[32];
};

/** fabric_start - ends the program if it cannot. */
void fabric_start(struct fabric_process *f, unsigned int nr_cards);
/** fabric_socket - of card @n, from 1; valid until the next call. */
const char *fabric_socket(const struct fabric_process *f, unsigned int n);
void fabric_stop(struct fabric_process *f);

#endif
