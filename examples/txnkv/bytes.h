/* SPDX-License-Identifier: MIT */
/* Some bytes of somebody else's: the name of a table, a key, a value.  Any byte may be in it, NUL too. */
#ifndef TXNKV_BYTES_H
#define TXNKV_BYTES_H

#include <stddef.h>
#include <string.h>

struct bytes {
	const char *data;
	size_t len;
};

static inline struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

/* Below 0, 0, above 0, in the order of the bytes; a beginning of the other comes first. */
static inline int
bytes_compare(struct bytes a, struct bytes b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

#endif /* TXNKV_BYTES_H */
