/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <lib/ktest.h>
#include <lib/string.h>

#include "cmdline_internal.h"

static struct cmdline c;

static bool is(const char *name, const char *want)
{
	const char *got = cmdline_find(&c, name);

	return want ? got && !strcmp(got, want) : !got;
}

KTEST(cmdline_words_have_values_and_the_last_one_counts)
{
	cmdline_split(&c, "  role=memory selftest  a=1 a=2 quoted=\"x y\" ");
	EXPECT_TRUE(is("role", "memory"));
	EXPECT_TRUE(is("selftest", ""));
	EXPECT_TRUE(is("a", "2"));
	EXPECT_TRUE(is("quoted", "x y"));
	EXPECT_TRUE(is("rol", NULL));
	EXPECT_TRUE(is("selftest2", NULL));
	EXPECT_TRUE(!strcmp(c.rest, ""));
}

KTEST(cmdline_rest_is_left_alone)
{
	cmdline_split(&c, "a -- run  \"this\" b=1");
	EXPECT_TRUE(is("a", ""));
	EXPECT_TRUE(is("b", NULL));
	EXPECT_TRUE(!strcmp(c.rest, "run  \"this\" b=1"));
	cmdline_split(&c, "a --");
	EXPECT_TRUE(!strcmp(c.rest, ""));
	cmdline_split(&c, "");
	EXPECT_EQ(c.nr_words, 0);
}
