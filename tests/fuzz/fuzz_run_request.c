/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run request and "#!" lines, which come from files. */
#include <managers/processor/proc/exec_strings.h>
#include <managers/processor/proc/run_request.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run_request request;
	struct shebang line;
	/* A copy of the exact size, so that reading past it is noticed. */
	char *text = malloc(size ? size : 1);

	memcpy(text, data, size);
	if (!run_request_parse(text, size, &request)) {
		const char *s = request.argv;

		(void)run_request_env(&request, "PATH");
		for (uint32_t i = 0; i < request.argc; i++)
			s += strlen(s) + 1;
		if (s > text + size || strlen(request.stdio) != 3)
			abort();
	}
	if (shebang_parse(text, size, &line) == 1 &&
	    (!line.interp[0] || strlen(line.interp) > SHEBANG_MAX))
		abort();
	free(text);
	return 0;
}
