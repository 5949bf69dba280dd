/* SPDX-License-Identifier: MIT */
#include "remote/floor.h"

#include <string.h>

#include "base/hash.h"

#define MAGIC "LKmoves1"

enum { HEAD = 56, SUM = 8 };

static bool
is_whole(const unsigned char *bytes, size_t len)
{
	uint32_t text;
	uint64_t sum;

	if (len < HEAD + SUM || memcmp(bytes + 8, MAGIC, 8) != 0)
		return false;
	memcpy(&text, bytes + 20, sizeof(text));
	memcpy(&sum, bytes + len - SUM, sizeof(sum));
	return text < FLOOR_OTHER && len == HEAD + text + SUM &&
	       sum == hash_bytes(bytes, len - SUM, 0);
}

bool
floor_read(const struct lk_store_record *r, struct floor *f)
{
	const unsigned char *bytes = r->old;
	uint32_t state, text;

	memset(f, 0, sizeof(*f));
	if (r->status != 0)
		return false;
	if (r->old_len == 0)
		return true;
	if (r->old_len != sizeof(f->is) && !is_whole(bytes, r->old_len))
		return false;
	memcpy(&f->is, bytes, sizeof(f->is));
	if (r->old_len == sizeof(f->is))
		return true;
	memcpy(&state, bytes + 16, sizeof(state));
	memcpy(&text, bytes + 20, sizeof(text));
	memcpy(&f->mover, bytes + 24, sizeof(f->mover));
	memcpy(&f->move, bytes + 40, sizeof(f->move));
	memcpy(f->other, bytes + HEAD, text);
	f->state = (enum floor_state)state;
	return state > FLOOR_HERE && state <= FLOOR_COMES;
}

void
floor_write(struct lk_store_record *r, const struct floor *f, void *out)
{
	unsigned char *bytes = out;
	const uint32_t state = f->state;
	const uint32_t text = (uint32_t)strnlen(f->other, FLOOR_OTHER - 1);
	size_t len = sizeof(f->is);
	uint64_t sum;

	memcpy(bytes, &f->is, sizeof(f->is));
	if (f->state != FLOOR_HERE) {
		memcpy(bytes + 8, MAGIC, 8);
		memcpy(bytes + 16, &state, sizeof(state));
		memcpy(bytes + 20, &text, sizeof(text));
		memcpy(bytes + 24, &f->mover, sizeof(f->mover));
		memcpy(bytes + 40, &f->move, sizeof(f->move));
		memcpy(bytes + HEAD, f->other, text);
		len = HEAD + text;
		sum = hash_bytes(bytes, len, 0);
		memcpy(bytes + len, &sum, sizeof(sum));
		len += SUM;
	}
	r->fresh = bytes;
	r->fresh_len = len;
	r->changed = 1;
}

int
floor_raise(struct lk_store_record *r, uint64_t floor, void *bytes)
{
	struct floor f;

	if (!floor_read(r, &f))
		return LK_E_CORRUPT;
	if (f.is >= floor)
		return 0;
	f.is = floor;
	floor_write(r, &f, bytes);
	return 0;
}

bool
floor_is(const struct floor *a, const struct floor *b)
{
	return a->state == b->state && record_id_is(&a->mover, &b->mover) &&
	       record_id_is(&a->move, &b->move);
}
