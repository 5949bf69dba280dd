/* SPDX-License-Identifier: MIT */
/* A record as bytes, and back.  The table is in record.h.  (RF1-RF3) */
#include "base/hash.h"
#include "record/record.h"

#include <string.h>

static const uint8_t magic[4] = { 'L', 'K', 'r', 0x1a };

enum {
	PLACE_LENGTH = 8,
	HEAD = 56,    /* before the name */
	CHECKSUM = 8, /* at the end */
	SHORTEST = HEAD + 1 + CHECKSUM,
	LONGEST_HOLDER = 36 + 8 + 12 + 16 + 4 + RECORD_TAG,
	LONGEST_WAITER = 62 + 8 + 4 + RECORD_TAG,
	LONGEST_ENDING = 44,
	LONGEST_VALUE = 18 + LK_VALUE_MAX
};

_Static_assert(HEAD + LK_NAME_MAX + LONGEST_VALUE + 4 + RECORD_HOLDERS * LONGEST_HOLDER +
			       RECORD_WAITERS * LONGEST_WAITER + RECORD_ENDINGS * LONGEST_ENDING +
			       CHECKSUM <=
		       RECORD_BYTES,
	       "the longest record");

enum part { PART_ORPHANED = 1, PART_VALUE = 2, PART_PERMITS = 4, PART_ALL = 7 };

/* Beside those of enum record_holder_flag, which are written as they are. */
enum { WRITTEN_REQUEST = 8, WRITTEN_FENCE = 16, WRITTEN_ALL = 31 };

/* Modes have numbers of their own, that stay what they are: 1 to 6, in this order. */
static const uint8_t mode_written[MODE_N] = {
	[LK_IS] = 1, [LK_IX] = 2, [LK_S] = 3, [LK_SIX] = 4, [LK_U] = 5, [LK_X] = 6
};
static const uint8_t mode_read[MODE_N] = { LK_NL, LK_IS, LK_IX, LK_S, LK_SIX, LK_U, LK_X };

/* -------------------------------------------------------------------------- writing */

/* Where the next byte goes; without `at` it only counts. */
struct pen {
	uint8_t *at;
	size_t n;
};

static void
put_bytes(struct pen *p, const void *bytes, size_t n)
{
	if (p->at != NULL && n > 0)
		memcpy(p->at + p->n, bytes, n);
	p->n += n;
}

/* The lowest `n` bytes of a number. */
static void
put(struct pen *p, uint64_t x, size_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(x >> (8 * i));
	put_bytes(p, bytes, n);
}

static unsigned
parts_of(const struct record *r)
{
	return (r->is_orphaned ? PART_ORPHANED : 0u) | (r->value.version != 0 ? PART_VALUE : 0u) |
	       (r->permits != 0 ? PART_PERMITS : 0u);
}

static void
put_head(struct pen *p, const struct record *r)
{
	put_bytes(p, magic, sizeof(magic));
	put(p, RECORD_FORMAT, 2);
	put(p, parts_of(r), 2);
	put(p, 0, 4); /* the length, later */
	put(p, r->epoch, 4);
	put(p, r->generation, 8);
	put(p, r->settings, 8);
	put(p, r->clock, 8);
	put(p, r->fence, 8);
	put(p, r->name_len, 2);
	put(p, r->n_holders, 1);
	put(p, r->n_waiters, 1);
	put(p, r->n_endings, 1);
	put(p, 0, 3);
	put_bytes(p, r->name, r->name_len);
}

static void
put_value(struct pen *p, const struct record_value *v)
{
	put(p, v->version, 8);
	put(p, v->request, 8);
	put(p, v->is_invalid, 1);
	put(p, v->len, 1);
	put_bytes(p, v->bytes, v->len);
}

static unsigned
flags_written(const struct record_holder *h)
{
	return h->flags | (h->request != h->born ? WRITTEN_REQUEST : 0u) |
	       (h->fence != 0 ? WRITTEN_FENCE : 0u);
}

static void
put_holder(struct pen *p, const struct record *r, const struct record_holder *h)
{
	const unsigned flags = flags_written(h);

	put_bytes(p, &h->who, sizeof(h->who));
	put(p, h->born, 8);
	put(p, h->since, 8);
	put(p, mode_written[h->mode], 1);
	put(p, flags, 1);
	put(p, h->tag_len, 1);
	put(p, 0, 1);
	if ((flags & WRITTEN_REQUEST) != 0)
		put(p, h->request, 8);
	if ((flags & WRITTEN_FENCE) != 0) {
		put(p, h->fence, 8);
		put(p, h->n_fences, 4);
	}
	if ((flags & (HOLDER_DETACHED | HOLDER_KEPT)) != 0) {
		put(p, h->renewed, 8);
		put(p, h->lease, 8);
	}
	if (r->permits != 0)
		put(p, h->units, 4);
	put_bytes(p, h->tag, h->tag_len);
}

static void
put_waiter(struct pen *p, const struct record *r, const struct record_waiter *q)
{
	put_bytes(p, &q->who, sizeof(q->who));
	put(p, q->request, 8);
	put(p, q->since, 8);
	put(p, q->renewed, 8);
	put(p, q->ttl, 8);
	put(p, (uint32_t)q->priority, 4);
	put(p, q->n_fences, 4);
	put(p, q->passed, 2);
	put(p, mode_written[q->want], 1);
	put(p, q->flags, 1);
	put(p, q->tag_len, 1);
	put(p, 0, 1);
	if ((q->flags & HOLDER_DETACHED) != 0)
		put(p, q->lease, 8);
	if (r->permits != 0)
		put(p, q->units, 4);
	if ((q->flags & WAITER_POOL) != 0)
		put(p, q->firm, 4);
	put_bytes(p, q->tag, q->tag_len);
}

static void
put_ending(struct pen *p, const struct record_ending *e)
{
	put_bytes(p, &e->who, sizeof(e->who));
	put(p, e->born, 8);
	put(p, e->at, 8);
	put(p, e->fence, 8);
	put(p, mode_written[e->mode], 1);
	put(p, e->why, 1);
	put(p, 0, 2);
}

static void
put_record(struct pen *p, const struct record *r)
{
	put_head(p, r);
	if (r->value.version != 0)
		put_value(p, &r->value);
	if (r->permits != 0)
		put(p, r->permits, 4);
	for (unsigned i = 0; i < r->n_holders; i++)
		put_holder(p, r, &r->holder[i]);
	for (unsigned i = 0; i < r->n_waiters; i++)
		put_waiter(p, r, &r->waiter[i]);
	for (unsigned i = 0; i < r->n_endings; i++)
		put_ending(p, &r->ending[i]);
}

size_t
record_size(const struct record *r)
{
	struct pen p = { NULL, 0 };

	put_record(&p, r);
	return p.n + CHECKSUM;
}

size_t
record_encode(const struct record *r, void *out)
{
	struct pen p = { out, 0 };
	struct pen length = { (uint8_t *)out + PLACE_LENGTH, 0 };

	put_record(&p, r);
	put(&length, p.n + CHECKSUM, 4);
	put(&p, hash_bytes(out, p.n, 0), 8);
	return p.n;
}

/* -------------------------------------------------------------------------- reading */

/* What is left; `is_wrong`: something that was read cannot be, or there was no more of it. */
struct eye {
	const uint8_t *at;
	size_t left;
	bool is_wrong;
};

/* The next `n` bytes; NULL: there are not so many. */
static const uint8_t *
get_bytes(struct eye *e, size_t n)
{
	const uint8_t *bytes = e->at;

	if (e->left < n) {
		e->is_wrong = true;
		e->left = 0;
		return NULL;
	}
	e->at += n;
	e->left -= n;
	return bytes;
}

static uint64_t
get(struct eye *e, size_t n)
{
	const uint8_t *bytes = get_bytes(e, n);
	uint64_t x = 0;

	for (size_t i = 0; bytes != NULL && i < n; i++)
		x |= (uint64_t)bytes[i] << (8 * i);
	return x;
}

/* Bytes that are 0 until a later format has a use for them. */
static void
get_zero(struct eye *e, size_t n)
{
	e->is_wrong |= get(e, n) != 0;
}

/* A number that is not what would have been written if it were that. */
static uint64_t
get_not(struct eye *e, size_t n, uint64_t what)
{
	const uint64_t x = get(e, n);

	e->is_wrong |= x == what; /* (RF1) */
	return x;
}

/* Up to `most` bytes, of which there are `n`. */
static uint8_t
get_into(struct eye *e, void *out, uint64_t n, size_t most)
{
	const uint8_t *bytes;

	if (n > most) {
		e->is_wrong = true;
		return 0;
	}
	bytes = get_bytes(e, (size_t)n);
	if (bytes != NULL && n > 0)
		memcpy(out, bytes, (size_t)n);
	return (uint8_t)n;
}

static uint8_t
get_mode(struct eye *e)
{
	const uint64_t m = get(e, 1);

	if (m == 0 || m >= MODE_N) {
		e->is_wrong = true;
		return LK_IS;
	}
	return mode_read[m];
}

static void
get_value(struct eye *e, struct record_value *v)
{
	v->version = get_not(e, 8, 0);
	v->request = get(e, 8);
	v->is_invalid = (uint8_t)get(e, 1);
	v->len = get_into(e, v->bytes, get(e, 1), LK_VALUE_MAX);
}

static void
get_holder(struct eye *e, const struct record *r, struct record_holder *h)
{
	unsigned flags;
	uint64_t tag_len;

	memset(h, 0, sizeof(*h));
	get_into(e, &h->who, sizeof(h->who), sizeof(h->who));
	h->born = get(e, 8);
	h->since = get(e, 8);
	h->mode = get_mode(e);
	flags = (unsigned)get(e, 1);
	tag_len = get(e, 1);
	get_zero(e, 1);
	e->is_wrong |= (flags & ~(unsigned)WRITTEN_ALL) != 0;
	h->flags = (uint8_t)(flags & ~(unsigned)(WRITTEN_REQUEST | WRITTEN_FENCE));
	h->request = (flags & WRITTEN_REQUEST) != 0 ? get_not(e, 8, h->born) : h->born;
	if ((flags & WRITTEN_FENCE) != 0) {
		h->fence = get_not(e, 8, 0);
		h->n_fences = (uint32_t)get(e, 4);
	}
	if ((flags & (HOLDER_DETACHED | HOLDER_KEPT)) != 0) {
		h->renewed = get(e, 8);
		h->lease = get(e, 8);
	}
	h->units = r->permits != 0 ? (uint32_t)get(e, 4) : 0;
	h->tag_len = get_into(e, h->tag, tag_len, RECORD_TAG);
}

static void
get_waiter(struct eye *e, const struct record *r, struct record_waiter *q)
{
	uint64_t tag_len;

	memset(q, 0, sizeof(*q));
	get_into(e, &q->who, sizeof(q->who), sizeof(q->who));
	q->request = get(e, 8);
	q->since = get(e, 8);
	q->renewed = get(e, 8);
	q->ttl = get(e, 8);
	q->priority = (int32_t)(uint32_t)get(e, 4);
	q->n_fences = (uint32_t)get(e, 4);
	q->passed = (uint16_t)get(e, 2);
	q->want = get_mode(e);
	q->flags = (uint8_t)get(e, 1);
	tag_len = get(e, 1);
	get_zero(e, 1);
	q->lease = (q->flags & HOLDER_DETACHED) != 0 ? get(e, 8) : 0;
	q->units = r->permits != 0 ? (uint32_t)get(e, 4) : 0;
	q->firm = (q->flags & WAITER_POOL) != 0 ? (uint32_t)get(e, 4) : 0;
	q->tag_len = get_into(e, q->tag, tag_len, RECORD_TAG);
}

static void
get_ending(struct eye *e, struct record_ending *x)
{
	memset(x, 0, sizeof(*x));
	get_into(e, &x->who, sizeof(x->who), sizeof(x->who));
	x->born = get(e, 8);
	x->at = get(e, 8);
	x->fence = get(e, 8);
	x->mode = get_mode(e);
	x->why = (uint8_t)get(e, 1);
	get_zero(e, 2);
}

/* The fixed part; the counts only if there can be so many. */
static unsigned
get_head(struct eye *e, struct record *r)
{
	unsigned parts;
	uint64_t holders, waiters, endings;

	get_bytes(e, sizeof(magic));
	get(e, 2);
	parts = (unsigned)get(e, 2);
	get(e, 4);
	r->epoch = (uint32_t)get(e, 4);
	r->generation = get(e, 8);
	r->settings = get(e, 8);
	r->clock = get(e, 8);
	r->fence = get(e, 8);
	r->name_len = (uint16_t)get(e, 2);
	holders = get(e, 1);
	waiters = get(e, 1);
	endings = get(e, 1);
	get_zero(e, 3);
	e->is_wrong |= (parts & ~(unsigned)PART_ALL) != 0 || r->name_len == 0 ||
		       r->name_len > LK_NAME_MAX || holders > RECORD_HOLDERS ||
		       waiters > RECORD_WAITERS || endings > RECORD_ENDINGS;
	if (e->is_wrong)
		return 0;
	r->n_holders = (uint8_t)holders;
	r->n_waiters = (uint8_t)waiters;
	r->n_endings = (uint8_t)endings;
	r->is_orphaned = (parts & PART_ORPHANED) != 0;
	return parts;
}

static void
get_record(struct eye *e, struct record *r)
{
	const unsigned parts = get_head(e, r);

	r->name = get_bytes(e, r->name_len);
	if ((parts & PART_VALUE) != 0)
		get_value(e, &r->value);
	if ((parts & PART_PERMITS) != 0)
		r->permits = (uint32_t)get_not(e, 4, 0);
	for (unsigned i = 0; !e->is_wrong && i < r->n_holders; i++)
		get_holder(e, r, &r->holder[i]);
	for (unsigned i = 0; !e->is_wrong && i < r->n_waiters; i++)
		get_waiter(e, r, &r->waiter[i]);
	for (unsigned i = 0; !e->is_wrong && i < r->n_endings; i++)
		get_ending(e, &r->ending[i]);
	e->is_wrong |= e->left != 0;
}

/* What is the same in all formats.  (RF3) */
static enum record_fault
look_at_frame(const uint8_t *bytes, size_t len)
{
	struct eye length = { bytes + PLACE_LENGTH, 4, false };
	struct eye checksum = { bytes + len - CHECKSUM, CHECKSUM, false };
	struct eye format = { bytes + sizeof(magic), 2, false };

	if (len < PLACE_LENGTH + 4 + CHECKSUM)
		return RECORD_CUT;
	if (memcmp(bytes, magic, sizeof(magic)) != 0)
		return RECORD_ALIEN;
	if (get(&length, 4) != len)
		return RECORD_CUT;
	if (get(&checksum, CHECKSUM) != hash_bytes(bytes, len - CHECKSUM, 0))
		return RECORD_DAMAGED;
	switch (get(&format, 2)) {
	case 0:
		return RECORD_ABSURD;
	case RECORD_FORMAT:
		return len < SHORTEST || len > RECORD_BYTES ? RECORD_ABSURD : RECORD_FINE;
	default:
		return RECORD_NEWER;
	}
}

enum record_fault
record_decode(struct record *out, const void *bytes, size_t len, const void *name, size_t name_len)
{
	struct eye e = { bytes, len - CHECKSUM, false };
	enum record_fault fault;

	record_init(out, name, 0);
	if (bytes == NULL || len < CHECKSUM)
		return RECORD_CUT;
	fault = look_at_frame(bytes, len);
	if (fault != RECORD_FINE)
		return fault;
	get_record(&e, out);
	if (e.is_wrong || record_absurdity(out) != NULL)
		fault = RECORD_ABSURD;
	else if (name != NULL &&
		 (out->name_len != name_len || memcmp(out->name, name, name_len) != 0))
		fault = RECORD_MISNAMED;
	if (fault != RECORD_FINE)
		record_init(out, NULL, 0);
	else if (name != NULL)
		out->name = name;
	return fault;
}
