/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_REPORT_H
#define FABRIC_REPORT_H

/* The fabric as text and as JSON, for those who ask through the control. */
#include "types.h"

#include <stdio.h>

struct fabric;

/* Of the switch: ports @first to @last, from 1.  JSON is one line, an array of
 * objects. */
struct report_range {
	unsigned int first, last;
};

/* State, LID, GUID, who is attached, queue pairs, faults. */
void report_status(const struct fabric *fabric, struct report_range range,
		   bool is_json, FILE *out);

/* Text leaves out what is zero. */
void report_counters(const struct fabric *fabric, struct report_range range,
		     bool is_json, FILE *out);

#endif /* FABRIC_REPORT_H */
