/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_VFIO_CLIENT_H
#define TESTS_VFIO_CLIENT_H
/*
 * A small client of the vfio-user protocol (QEMU, docs/interop/vfio-user.rst):
 * what QEMU is to a model of the card, for tests without QEMU.
 */
#include <stddef.h>
#include <stdint.h>

#define VFIO_REGION_CONFIG 7

/** vfio_connect - attach to the device at @path; ends the program on error. */
void vfio_connect(const char *path);

/** vfio_map - let the device use @bytes of @fd as memory at @iova. */
void vfio_map(int fd, uint64_t iova, uint64_t bytes);

/** vfio_set_vectors - MSI-X vectors 0 .. @n - 1 signal these eventfds. */
void vfio_set_vectors(const int *fds, uint32_t n);

uint64_t vfio_read(uint32_t region, uint64_t offset, uint32_t bytes);
/** vfio_write - @posted: without an answer. */
void vfio_write(uint32_t region, uint64_t offset, uint64_t v, uint32_t bytes,
		int posted);

#endif
