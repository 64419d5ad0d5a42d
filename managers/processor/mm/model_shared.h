/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_MODEL_SHARED_H
#define PROCESSOR_MODEL_SHARED_H

/* What the host tests of all of mm/ and pcache/ share. */
#include "prefetch_stream.h"

#include <lib/types.h>

/** model_set_option - as if it were given on the command line. */
void model_set_option(const char *name, const char *value);
/** model_expect_nothing_left - nothing is in use, and all counts agree. */
void model_expect_nothing_left(void);
/** model_expect_lines_free - so are all lines, and none is lost: what a set
 * has too little is in the victim cache. */
void model_expect_lines_free(void);
/** model_stream - the calling thread's. */
struct prefetch_stream *model_stream(void);
/** model_run_seeds - @fn for each of the seeds 1..@nr, each in a process of its
 * own; PCACHE_SEED and PCACHE_ROUNDS in the environment choose others.
 * @seed: set for @fn */
void model_run_seeds(void (*fn)(void), u64 *seed, u64 nr);

#endif
