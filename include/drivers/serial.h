/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DRIVERS_SERIAL_H
#define DRIVERS_SERIAL_H
/*
 * The two serial ports: ttyS0 (0x3f8) for programs, ttyS1 (0x2f8) for the log
 * and the monitor.  Output goes through a ring and interrupts.
 */
#include <lib/types.h>

/**
 * serial_console_write - to ttyS1, polled.
 *
 * Context: any, serialized.
 * Return: how many bytes were sent; fewer than @len if the port is busy for
 * longer than hardware ever is: an emulated port waits for its reader.
 */
size_t serial_console_write(const char *buf, size_t len);
/** serial_console_set_receiver - as serial_tty_set_receiver(), of ttyS1. */
void serial_console_set_receiver(void (*fn)(u8 byte, bool break_seen));
/** serial_init_early - polled output works. serial_init - interrupts too. */
void serial_init_early(void);
void serial_init(void);

/**
 * serial_tty_write - queue bytes for ttyS0.
 *
 * Context: any; never sleeps.
 * Return: how many were taken; fewer than @len if the ring is full: wait with
 * serial_tty_wait_room() and go on.
 */
size_t serial_tty_write(const char *buf, size_t len);

/** serial_tty_wait_room - sleep until there is room. Return: 0 or -EINTR. */
int serial_tty_wait_room(void);
/** serial_tty_room - bytes that serial_tty_write() would take now. */
size_t serial_tty_room(void);
/** serial_tty_drain - sleep until all has been sent. Return: 0 or -EINTR. */
int serial_tty_drain(void);

/**
 * serial_tty_set_receiver - have @fn called with every received byte of ttyS0.
 *
 * In interrupt context.  @break_seen: a break condition instead of a byte.
 */
void serial_tty_set_receiver(void (*fn)(u8 byte, bool break_seen));
/**
 * serial_tty_set_throttled - stop or resume taking bytes from ttyS0.
 *
 * For a receiver whose buffer is full: nothing is lost, the sender waits.
 * Context: any, also the receiver itself.
 */
void serial_tty_set_throttled(bool on);
/** serial_tty_set_writable - @fn is called, in interrupt context, when the
 * full ring has got room again (for poll). */
void serial_tty_set_writable(void (*fn)(void));

#endif
