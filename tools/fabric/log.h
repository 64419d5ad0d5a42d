/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_LOG_H
#define FABRIC_LOG_H

/*
 * The log of the fabric: one line an event, "[seconds] who: text".
 * Errors and warnings are what a guest did wrong or the fabric cannot do;
 * info is what happens once a boot; debug is every command and packet.
 * Names may be a guest's: what is no plain ASCII is written as "?".
 */
#include "types.h"

enum log_level {
	LOG_LEVEL_ERR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

extern enum log_level log_threshold;

/**
 * log_open - write the log to file @path instead of standard error.
 *
 * Return: 0, or -errno.
 */
int log_open(const char *path);

void log_flush(void);

/** log_sanitize - leave in @text only what can stand on a terminal. */
void log_sanitize(char *text);

void log_line(enum log_level level, const char *who, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_err(who, ...)  log_line(LOG_LEVEL_ERR, who, __VA_ARGS__)
#define log_warn(who, ...) log_line(LOG_LEVEL_WARN, who, __VA_ARGS__)
#define log_info(who, ...) log_line(LOG_LEVEL_INFO, who, __VA_ARGS__)
#define log_debug(who, ...)                                          \
	do {                                                         \
		if (log_threshold >= LOG_LEVEL_DEBUG)                \
			log_line(LOG_LEVEL_DEBUG, who, __VA_ARGS__); \
	} while (0)

#endif /* FABRIC_LOG_H */
