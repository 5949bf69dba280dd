/* SPDX-License-Identifier: MIT */
#include "remote/frozen.h"

#include <string.h>

#include "base/hash.h"

#define MAGIC "LKfroze1"

enum { HEAD = 32 };

static uint64_t
sum_of(const unsigned char *bytes, size_t len)
{
	uint64_t seed;

	memcpy(&seed, bytes + 8, sizeof(seed));
	return hash_bytes(bytes + HEAD, len - HEAD, seed) ^ hash_bytes(bytes, 24, 0);
}

struct thawed
frozen_look(const void *of, size_t len)
{
	const unsigned char *bytes = of;
	struct thawed t = { .bytes = of, .len = len };
	uint64_t sum;

	if (len <= HEAD || memcmp(bytes, MAGIC, 8) != 0)
		return t;
	memcpy(&sum, bytes + 24, sizeof(sum));
	if (sum != sum_of(bytes, len))
		return t; /* as a record it is damaged */
	t.bytes = bytes + HEAD;
	t.len = len - HEAD;
	t.is_frozen = true;
	memcpy(&t.move, bytes + 8, sizeof(t.move));
	return t;
}

enum record_fault
frozen_decode(struct record *out, const void *bytes, size_t len, const void *name, size_t name_len)
{
	const struct thawed t = frozen_look(bytes, len);

	return record_decode(out, t.bytes, t.len, name, name_len);
}

size_t
frozen_encode(const struct record *r, const struct record_id *move, void *out)
{
	unsigned char *bytes = out;
	uint64_t sum;
	size_t len;

	if (record_size(r) > RECORD_BYTES - HEAD)
		return 0;
	memcpy(bytes, MAGIC, 8);
	memcpy(bytes + 8, move, sizeof(*move));
	len = HEAD + record_encode(r, bytes + HEAD);
	sum = sum_of(bytes, len);
	memcpy(bytes + 24, &sum, sizeof(sum));
	return len;
}
