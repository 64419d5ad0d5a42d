/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H
/*
 * The kernel log: a ring in memory, copied to the console (ttyS1).
 *
 *	[    1.234567] info  mm: text
 *
 * A file that logs defines its subsystem before the first include:
 *	#define pr_fmt(fmt) "mm: " fmt
 *
 * err: somebody lost data or service.  warn: degraded.  info: once a boot or
 * a cluster change.  debug: off unless `debug` is on the command line.
 * Callable from any context.  No trailing newline.
 */
#include <lib/types.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif

/** log_printf, log_vprintf - behind pr_err() and the like. Context: any. */
void log_printf(enum log_level level, const char *fmt, ...) __printf(2, 3);
void log_vprintf(enum log_level level, const char *fmt, va_list ap)
	__printf(2, 0);

extern enum log_level log_max_level;

#define pr_err(fmt, ...)  log_printf(LOG_ERR, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...) log_printf(LOG_WARN, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...) log_printf(LOG_INFO, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_debug(fmt, ...)                                                 \
	do {                                                               \
		if (log_max_level >= LOG_DEBUG)                            \
			log_printf(LOG_DEBUG, pr_fmt(fmt), ##__VA_ARGS__); \
	} while (0)

/* Each call site may log a burst of 5, then one line in 5 seconds. */
struct log_ratelimit {
	u64 window_start_ns;
	u32 nr_printed;
	u32 nr_suppressed;
};

/** log_ratelimit_ok - may this site log now?  Reports what was left out. */
bool log_ratelimit_ok(struct log_ratelimit *rl, const char *where);

#define PR_RATELIMITED_(pr, fmt, ...)                 \
	do {                                          \
		static struct log_ratelimit rl_;      \
		if (log_ratelimit_ok(&rl_, __func__)) \
			pr(fmt, ##__VA_ARGS__);       \
	} while (0)
#define pr_err_ratelimited(fmt, ...) PR_RATELIMITED_(pr_err, fmt, ##__VA_ARGS__)
#define pr_warn_ratelimited(fmt, ...) \
	PR_RATELIMITED_(pr_warn, fmt, ##__VA_ARGS__)
#define pr_info_ratelimited(fmt, ...) \
	PR_RATELIMITED_(pr_info, fmt, ##__VA_ARGS__)

/* Once per boot. */
#define PR_ONCE_(pr, fmt, ...)                  \
	do {                                    \
		static bool once_;              \
		if (!once_) {                   \
			once_ = true;           \
			pr(fmt, ##__VA_ARGS__); \
		}                               \
	} while (0)
#define pr_warn_once(fmt, ...) PR_ONCE_(pr_warn, fmt, ##__VA_ARGS__)
#define pr_info_once(fmt, ...) PR_ONCE_(pr_info, fmt, ##__VA_ARGS__)

/**
 * log_read - copy log text from position *@pos on into @buf.
 *
 * *@pos begins at 0 and is advanced; text that the ring has lost is skipped.
 * Return: bytes copied, 0 at the end.
 */
size_t log_read(u64 *pos, char *buf, size_t size);

/** console_write - raw text to the log's console only. Context: any. */
void console_write(const char *text, size_t n);

/** log_size - bytes of the ring. */
size_t log_size(void);

/**
 * panic - log, print registers and a call trace, stop all CPUs.
 *
 * With `poweroff` on the command line the machine is then powered off.
 */
_Noreturn void panic(const char *fmt, ...) __printf(1, 2);

/**
 * panic_notifier_add - @fn prints what its subsystem knows during a panic.
 *
 * It runs with interrupts off and must take no lock.
 */
struct panic_notifier {
	void (*fn)(void);
	struct panic_notifier *next;
};
void panic_notifier_add(struct panic_notifier *n);

/** dump_stack - log the call trace of here. */
void dump_stack(void);

#endif
