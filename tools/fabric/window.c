/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "window.h"
#include "be.h"
#include "memory.h"

enum {
	MPT_LENGTH = 0x18,
	MPT_REGION_KEY = 0x20, /* a window's */
	MPT_NR_WINDOWS = 0x25, /* a region's: three bytes */
	NR_WINDOWS_MAX = 0xffffff,
};

bool region_has_windows(const u8 *mpt)
{
	return (get32(mpt) & MPT_REGION) && get24(mpt + MPT_NR_WINDOWS) &&
	       get32(mpt) >> 28 != MPT_STATUS_INVALID;
}

void region_forget_windows(u8 *mpt)
{
	if (get32(mpt) & MPT_REGION)
		put24(mpt + MPT_NR_WINDOWS, 0);
}

static u8 *region_of_key(struct card *card, u32 key)
{
	u8 *mpt = mpt_of_key(card, key);

	return mpt && mpt_is_in_use(mpt, key) && (get32(mpt) & MPT_REGION)
		       ? mpt
		       : NULL;
}

u8 *window_region(struct card *card, const u8 *mpt)
{
	if ((get32(mpt) & MPT_REGION) || !get64(mpt + MPT_LENGTH))
		return NULL;
	return region_of_key(card, get32(mpt + MPT_REGION_KEY));
}

bool window_attach(struct card *card, u8 *mpt, u32 region_key)
{
	u8 *region = region_of_key(card, region_key);
	u32 nr_windows = region ? get24(region + MPT_NR_WINDOWS) : 0;

	if (!region || nr_windows == NR_WINDOWS_MAX)
		return false;
	put24(region + MPT_NR_WINDOWS, nr_windows + 1);
	put32(mpt + MPT_REGION_KEY, region_key);
	return true;
}

void window_release(struct card *card, u8 *mpt)
{
	u8 *region = window_region(card, mpt);
	u32 nr_windows = region ? get24(region + MPT_NR_WINDOWS) : 0;

	/* the host may have written there: never below none */
	if (nr_windows)
		put24(region + MPT_NR_WINDOWS, nr_windows - 1);
	put64(mpt + MPT_LENGTH, 0);
	put32(mpt, get32(mpt) & ~(u32)MPT_ACCESS);
}
