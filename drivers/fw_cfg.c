/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's firmware configuration device, by its I/O ports.
 * Source: QEMU, docs/specs/fw_cfg.rst.
 */
#include <drivers/fw_cfg.h>

#include <arch/x86/io.h>
#include <kernel/mutex.h>
#include <lib/byteorder.h>
#include <lib/errno.h>
#include <lib/string.h>

#define PORT_SELECTOR 0x510
#define PORT_DATA     0x511
#define KEY_SIGNATURE 0x0000
#define KEY_DIRECTORY 0x0019
#define MAX_FILES     4096u

/* A directory entry: big-endian size and selector, then the name. */
struct fw_cfg_file {
	u8 size[4];
	u8 select[2];
	u8 reserved[2];
	char name[56];
};
_Static_assert(sizeof(struct fw_cfg_file) == 64, "directory entry");

/* The device has one selector and one position for all readers. */
static DEFINE_MUTEX(fw_cfg_lock, LOCK_MISC_SLEEP);

static void select_item(u16 key)
{
	outw(key, PORT_SELECTOR);
}

static void read_bytes(void *buf, size_t len)
{
	u8 *p = buf;

	while (len--)
		*p++ = inb(PORT_DATA);
}

static bool is_present(void)
{
	char signature[4];

	select_item(KEY_SIGNATURE);
	read_bytes(signature, sizeof(signature));
	return !memcmp(signature, "QEMU", 4);
}

/* The directory is read entry by entry. [fw_cfg_lock] */
static int find_file(const char *name, struct fw_cfg_file *file)
{
	u8 count[4];
	u32 n;

	select_item(KEY_DIRECTORY);
	read_bytes(count, sizeof(count));
	n = get_be32(count);
	if (n > MAX_FILES)
		return -EIO;
	while (n--) {
		read_bytes(file, sizeof(*file));
		file->name[sizeof(file->name) - 1] = '\0';
		if (!strcmp(file->name, name))
			return 0;
	}
	return -ENOENT;
}

ssize_t fw_cfg_read(const char *name, void *buf, size_t max)
{
	struct fw_cfg_file file;
	ssize_t result = -ENODEV;

	mutex_lock(&fw_cfg_lock);
	if (is_present())
		result = find_file(name, &file);
	if (!result) {
		u32 size = get_be32(file.size);

		select_item(get_be16(file.select));
		read_bytes(buf, size < max ? size : max);
		result = size;
	}
	mutex_unlock(&fw_cfg_lock);
	return result;
}
