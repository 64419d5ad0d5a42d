/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_THREADS_CONFIG_H
#define TESTS_THREADS_CONFIG_H

/*
 * Included into every file of a program that runs on threads_kernel.c: the
 * per-CPU variable with the current thread becomes one per host thread.
 */
struct thread;
struct thread **host_current(void);
#define current_thread_ptr (*host_current())

#endif
