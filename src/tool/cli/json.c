/* SPDX-License-Identifier: MIT */
/* Answers of commands as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "json.h"

int
put_json(json_t *value)
{
	if (value == NULL)
		return EXIT_SYSTEM;
	(void)json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(16) | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(value);
	return 0;
}

json_t *
number_text(uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return json_string(text);
}

void
put_bytes(json_t *object, const char *word, const void *bytes, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	json_t *text = json_stringn(bytes, len);
	const unsigned char *b = bytes;
	char key[40];
	char *hex;

	if (text != NULL) {
		(void)json_object_set_new(object, word, text);
		return;
	}
	hex = malloc(2 * len + 1);
	if (hex == NULL)
		return;
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digit[b[i] >> 4];
		hex[2 * i + 1] = digit[b[i] & 15];
	}
	snprintf(key, sizeof(key), "%s_hex", word);
	(void)json_object_set_new(object, key, json_stringn(hex, 2 * len));
	free(hex);
}
