/* SPDX-License-Identifier: MIT */
/* The parser of scripts: what it reads is read the same when it has been printed. */
#include "script.h"

#include <string.h>

#include "fuzz.h"

enum { TEXT_MAX = 64 * 1024 };

static size_t
print_into(const struct script *s, char *text)
{
	FILE *f = fmemopen(text, TEXT_MAX, "w");

	must(f != NULL);
	script_print(s, f);
	must(fclose(f) == 0);
	return strlen(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static char text[TEXT_MAX], again[TEXT_MAX];
	static struct script s;
	const char *wrong;
	unsigned line = 0;
	size_t len;

	wrong = script_parse(&s, (const char *)bytes, n, &line);
	must(line >= 1 && line <= n + 1);
	if (wrong != NULL)
		return 0;
	len = print_into(&s, text);
	must(script_parse(&s, text, len, &line) == NULL);
	must(print_into(&s, again) == len && strcmp(text, again) == 0);
	return 0;
}
