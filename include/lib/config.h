/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H
/*
 * Configuration, included into every file by the build.
 *
 * IS_ENABLED(CONFIG_X) is 1 when the bool option X is on, else 0; usable in
 * C expressions, so that code behind an option always compiles.
 */
#include <generated/autoconf.h>

#define IS_ENABLED_PLACEHOLDER_1                0,
#define IS_ENABLED_SECOND_(ignored, value, ...) value
#define IS_ENABLED_PICK_(arg1_or_junk)          IS_ENABLED_SECOND_(arg1_or_junk 1, 0, 0)
#define IS_ENABLED_PASTE_(value) \
	IS_ENABLED_PICK_(IS_ENABLED_PLACEHOLDER_##value)
#define IS_ENABLED_(value) IS_ENABLED_PASTE_(value)
#define IS_ENABLED(option) IS_ENABLED_(option)

#endif /* LIB_CONFIG_H */
