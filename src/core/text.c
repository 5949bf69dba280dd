/* SPDX-License-Identifier: MIT */
/* Codes as text, from the one list; and bytes as text. */
#include <string.h>

#include <latchkey.h>

#include "core/text.h"

const char *
lk_strerror(int rc)
{
	switch (rc) {
	case LK_OK:
		return "success";
#define CASE(name, number, text) \
	case LK_E_##name:        \
		return text;
		LK_ERROR_LIST(CASE)
#undef CASE
	default:
		return "not a result code of Latchkey";
	}
}

const char *
lk_errname(int rc)
{
	switch (rc) {
	case LK_OK:
		return "LK_OK";
#define CASE(name, number, text) \
	case LK_E_##name:        \
		return "LK_E_" #name;
		LK_ERROR_LIST(CASE)
#undef CASE
	default:
		return "LK_E_?";
	}
}

const char *
lk_version(void)
{
	return LATCHKEY_VERSION;
}

bool
name_byte_is_plain(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* How many bytes one byte becomes, written to `out`. */
static size_t
escape_byte(unsigned char c, char out[3])
{
	static const char digits[] = "0123456789ABCDEF";

	if (name_byte_is_plain(c)) {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '%';
	out[1] = digits[c >> 4];
	out[2] = digits[c & 15];
	return 3;
}

size_t
lk_name_escape(const void *segment, size_t len, char *out, size_t cap)
{
	const unsigned char *bytes = segment;
	size_t wanted = 0;
	size_t written = 0;
	char piece[3] = { '%' };

	for (size_t i = 0; i < (len != 0 ? len : 1); i++) {
		size_t n = len != 0 ? escape_byte(bytes[i], piece) : 1;

		wanted += n;
		if (wanted >= cap)
			continue; /* it does not fit; go on counting */
		memcpy(out + written, piece, n);
		written = wanted;
	}
	if (cap > 0)
		out[written] = '\0';
	return wanted;
}
