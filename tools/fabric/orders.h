/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_ORDERS_H
#define FABRIC_ORDERS_H

/*
 * Orders to a running fabric: one line of words each.  The answer is any
 * number of lines, the last of which is "OK", or "ERR" and what is wrong.
 * Nothing in an order is trusted.
 */
#include "types.h"

#include <stdio.h>

struct fabric;

enum { ORDER_MAX_BYTES = 512 };

/**
 * orders_execute - carry out the order @line, which has no newline.
 * @out: gets the answer.
 *
 * Return: whether the answer is OK.
 */
bool orders_execute(struct fabric *fabric, const char *line, FILE *out);

/* All orders, one a line, and what they do. */
void orders_print_help(FILE *out);

/* Numbers as orders and the topology file take them: "0.001", "0.1%". */
bool parse_rate(const char *word, double *rate);

/* "50us", "1ms", "0"; up to ten seconds. */
bool parse_time_ns(const char *word, u64 *ns);

/* Decimal, or hexadecimal with 0x; at most @max. */
bool parse_number(const char *word, u64 max, u64 *number);

#endif /* FABRIC_ORDERS_H */
