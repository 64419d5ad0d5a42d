/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pte.h"

#include <lib/ktest.h>

KTEST(r9_entries_of_all_kinds_are_decodable_and_no_others)
{
	const pte_t line = 0x12345000 | PTE_PRESENT | PTE_USER;
	const pte_t remote = pte_make_remote(gframe_make(3, 77), PTE_LENT);

	EXPECT_TRUE(pte_is_decodable(0));
	EXPECT_TRUE(pte_is_decodable(PTE_FILLING));
	EXPECT_TRUE(pte_is_decodable(line | PTE_WRITE | PTE_DIRTY | PTE_NX));
	EXPECT_TRUE(pte_is_decodable(line | PTE_FILE | PTE_ACCESSED));
	EXPECT_TRUE(pte_is_decodable(line | PTE_ZERO | PTE_NX));
	EXPECT_TRUE(pte_is_decodable(remote));
	EXPECT_TRUE(pte_is_decodable(pte_make_remote(0, PTE_FILE)));

	/* The one of the diary: a number of a frame and nothing else. */
	EXPECT_TRUE(!pte_is_decodable(0x8207e80bul << PAGE_SHIFT));
	EXPECT_TRUE(!pte_is_decodable(PTE_FILLING | 0x1000));
	EXPECT_TRUE(!pte_is_decodable(remote | PTE_ACCESSED));
	EXPECT_TRUE(!pte_is_decodable(remote | PTE_NX));
	EXPECT_TRUE(!pte_is_decodable(remote | 1ul << 58));
	EXPECT_TRUE(!pte_is_decodable(line & ~PTE_USER));
	EXPECT_TRUE(!pte_is_decodable(line | PTE_ZERO | PTE_WRITE));
	EXPECT_TRUE(!pte_is_decodable(line | PTE_LARGE));
	EXPECT_TRUE(!pte_is_decodable(line | 1ul << 55));
	EXPECT_TRUE(!pte_is_decodable(0xffff800000012fe0)); /* a pointer */
}
