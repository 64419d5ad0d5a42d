/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_WINDOW_H
#define FABRIC_WINDOW_H

/*
 * Which memory window is bound to which region.  The entries (MPT) say it, in
 * the host's ICM memory: a window's has the key of its region, a region's
 * counts its windows.  A region stays while it has any; and a window whose
 * region went all the same (a host may edit its tables) gives nothing.
 */
#include "types.h"

struct card;

/* Is region @mpt to stay? */
bool region_has_windows(const u8 *mpt);

/* For a region's new entry: it has no windows yet. */
void region_forget_windows(u8 *mpt);

/* The region that window @mpt is bound to; NULL: none, or not any more. */
u8 *window_region(struct card *card, const u8 *mpt);

/**
 * window_attach - note that window @mpt is bound to the region of @region_key.
 * The window is not bound, and the rest of its entry is the caller's.
 *
 * Return: false, and nothing changed: there is no such region, or it has as
 *         many as it can count.
 */
bool window_attach(struct card *card, u8 *mpt, u32 region_key);

/* End what window_attach() began, if anything; @mpt gives access to nothing. */
void window_release(struct card *card, u8 *mpt);

#endif /* FABRIC_WINDOW_H */
