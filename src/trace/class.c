/* SPDX-License-Identifier: MIT */
/* From a name to its class. */
#include "trace/class.h"

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(unsigned char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_alnum(unsigned char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* FNV-1a: byte by byte, as the class comes. */
static void
put(struct class *c, unsigned char byte)
{
	if (c->len < CLASS_KEPT)
		c->text[c->len] = byte;
	c->len++;
	c->hash = (c->hash ^ byte) * UINT64_C(0x100000001b3);
}

/* How many bytes from `p` on are of that kind. */
static size_t
run(const unsigned char *p, size_t len, bool (*is)(unsigned char c))
{
	size_t n = 0;

	while (n < len && is(p[n]))
		n++;
	return n;
}

static bool
is_number(const unsigned char *p, size_t len)
{
	bool prefixed = len > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
	size_t digits = 0;

	if (run(p, len, is_digit) == len)
		return true;
	if (prefixed)
		return run(p + 2, len - 2, is_hex) == len - 2;
	for (size_t i = 0; i < len; i++)
		digits += is_digit(p[i]);
	return len >= 4 && digits > 0 && run(p, len, is_hex) == len;
}

/* A run of letters and digits that is no number by itself. */
static void
put_word(struct class *c, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t digits = run(p + i, len - i, is_digit);

		put(c, digits > 0 ? '#' : p[i]);
		i += digits > 0 ? digits : 1;
	}
}

void
class_of(struct class *c, const void *name, size_t len, bool is_id)
{
	const unsigned char *p = name;

	c->hash = UINT64_C(0xcbf29ce484222325) ^ is_id;
	c->len = 0;
	for (const char *id = "id #"; is_id && *id != '\0'; id++)
		put(c, (unsigned char)*id);
	for (size_t i = 0; !is_id && i < len;) {
		size_t n = run(p + i, len - i, is_alnum);

		if (n == 0)
			put(c, p[i]);
		else if (is_number(p + i, n))
			put(c, '#');
		else
			put_word(c, p + i, n);
		i += n > 0 ? n : 1;
	}
}
