/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The least a C program does: arguments, environment, output, a status. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	const char *value = getenv("BRICK_TEST");

	printf("hello %d", argc);
	for (int i = 1; i < argc; i++)
		printf(" [%s]", argv[i]);
	printf(" %s\n", value ? value : "(unset)");
	return argc - 1;
}
