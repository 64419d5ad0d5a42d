/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"
#include "loop.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 1024 };

enum log_level log_threshold = LOG_LEVEL_INFO;

static FILE *log_file;
static u64 log_start_ns;

int log_open(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	setvbuf(f, NULL, _IOLBF, 0);
	if (log_file)
		fclose(log_file);
	log_file = f;
	return 0;
}

void log_flush(void)
{
	if (log_file)
		fflush(log_file);
}

void log_sanitize(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

void log_line(enum log_level level, const char *who, const char *fmt, ...)
{
	static const char *const names[] = {"err  ", "warn ", "info ", "debug"};
	FILE *f = log_file ? log_file : stderr;
	char text[LINE_BYTES];
	va_list args;
	u64 us;

	if (level > log_threshold)
		return;
	if (!log_start_ns)
		log_start_ns = loop_now_ns();
	us = (loop_now_ns() - log_start_ns) / 1000;
	fprintf(f, "[%5llu.%06llu] %s %s: ", (unsigned long long)us / 1000000,
		(unsigned long long)us % 1000000, names[level], who);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_sanitize(text);
	fprintf(f, "%s\n", text);
}
