/* SPDX-License-Identifier: MIT */
/* What goes with a hold that writes: the value of the name, more numbers, and the question whether it still is one. */
#include "record/inside.h"

#include <string.h>

/* A hold that writes; NULL: `*result` says why there is none. */
static struct record_holder *
writer(struct decision *d, enum decide_result *result)
{
	struct record_holder *h = decide_hold(d, result);

	if (h != NULL && !mode_writes((lk_mode)h->mode)) {
		*result = DECIDE_DENIED;
		return NULL;
	}
	return h;
}

/* Versions rise over the removal of a record, and over values that were lost with it, too.  (DE8) */
static uint64_t
next_version(const struct decision *d)
{
	const uint64_t last = d->r->value.version != 0 ? d->r->value.version : d->r->fence;

	return (last > d->v->floor ? last : d->v->floor) + 1;
}

static void
set_value(struct decision *d, uint64_t version)
{
	struct record_value *v = &d->r->value;

	memset(v, 0, sizeof(*v));
	v->version = version;
	v->request = d->q->request;
	v->is_invalid = d->q->is_invalid;
	v->len = (uint8_t)d->q->value_len;
	if (v->len > 0)
		memcpy(v->bytes, d->q->value, v->len);
}

void
value_bring(struct decision *d)
{
	const struct record_holder *h = record_holder_of(d->r, &d->q->who);
	struct record_value *v = &d->r->value;

	if (d->q->version == 0 || h == NULL || !mode_writes((lk_mode)h->mode))
		return;
	if (d->q->version > v->version)
		set_value(d, d->q->version);
	else if (d->q->version == v->version)
		v->is_invalid |= d->q->is_invalid;
}

enum decide_result
value_write(struct decision *d)
{
	const struct record_value *v = &d->r->value;
	enum decide_result result;
	uint64_t version;

	if (writer(d, &result) == NULL)
		return result;
	if (d->q->version != 0 || (v->request == d->q->request && !v->is_invalid))
		return DECIDE_DONE; /* it was brought along; or (DE6) */
	version = next_version(d);
	if (version >= RECORD_FENCE_MAX) {
		d->trouble = DECIDE_OUT_OF_FENCES;
		return DECIDE_NOTHING;
	}
	set_value(d, version);
	return DECIDE_DONE;
}

enum decide_result
value_read(struct decision *d)
{
	(void)d; /* every outcome has the value */
	return DECIDE_DONE;
}

enum decide_result
value_reserve(struct decision *d)
{
	const uint32_t n = d->q->n_fences != 0 ? d->q->n_fences : 1;
	enum decide_result result;

	if (writer(d, &result) == NULL)
		return result;
	d->out->fence = holder_mint(d, n);
	d->out->n_fences = n;
	if (d->out->fence == 0) {
		d->trouble = DECIDE_OUT_OF_FENCES;
		return DECIDE_NOTHING;
	}
	return DECIDE_DONE;
}

enum decide_result
value_guard(struct decision *d)
{
	const uint64_t fence = d->q->fence;
	enum decide_result result;
	const struct record_holder *h = fence != 0 ? writer(d, &result) : decide_hold(d, &result);

	if (h == NULL)
		return result;
	/* As long as one writes, all numbers are given to it: so those from its first on are its. */
	if (fence != 0 && (fence < h->fence || fence > d->r->fence))
		return DECIDE_DENIED;
	return DECIDE_DONE;
}
