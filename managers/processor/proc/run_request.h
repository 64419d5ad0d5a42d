/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_RUN_REQUEST_H
#define PROCESSOR_RUN_REQUEST_H

/*
 * What a node is asked to run at boot: the fw_cfg file opt/brick/run.
 * NUL-terminated strings: cwd, envc, env..., argc, argv..., then options
 * KEY=VALUE; the counts in decimal.  Options: stdio (of three letters, t: the
 * terminal, p: a stream), rows, cols (of the terminal); others are ignored.
 */
#include <lib/types.h>

#define RUN_REQUEST_MAX_BYTES (256u << 10)

struct run_request {
	const char *cwd;
	u32 envc;
	const char *env; /* the first of envc strings, one behind another */
	u32 argc;
	const char *argv;  /* the first of argc strings */
	const char *stdio; /* three letters of "tp" */
	u32 rows, cols;    /* 0: unknown */
};

/**
 * run_request_parse - take @text apart; the strings stay where they are.
 *
 * Return: 0; -EINVAL if anything is missing or malformed, or argc is 0.
 */
int __must_check run_request_parse(const char *text, size_t len,
				   struct run_request *out);
/** run_request_env - the value of @name, or NULL. */
const char *run_request_env(const struct run_request *request,
			    const char *name);

#endif /* PROCESSOR_RUN_REQUEST_H */
