/* SPDX-License-Identifier: MIT */
/* Events that fit a filter. */
#include <string.h>

#include "base/glob.h"
#include "trace/sift.h"

static bool
has_prefix(const struct lk_event *e, const struct lk_event_filter *f)
{
	if (f->prefix_len == 0)
		return true;
	return (e->flags & LK_NAME_IS_ID) == 0 && e->name_len >= f->prefix_len &&
	       memcmp(e->name, f->prefix, f->prefix_len) == 0;
}

/* Of a name that was cut off nobody knows. */
static bool
has_pattern(const struct lk_event *e, const struct lk_event_filter *f, int separator)
{
	if (f->pattern_len == 0)
		return true;
	return (e->flags & LK_NAME_IS_ID) == 0 && e->name_len <= LK_EVENT_NAME_MAX &&
	       glob_match(f->pattern, f->pattern_len, e->name, e->name_len, separator);
}

static bool
fits(const struct lk_event *e, const struct lk_event_filter *f, int separator)
{
	return (f->kinds == 0 || (e->kind & f->kinds) != 0) &&
	       (f->owner_id == 0 || e->owner_id == f->owner_id) &&
	       (f->code == 0 || e->code == f->code) && e->at_ns >= f->since_ns &&
	       has_prefix(e, f) && has_pattern(e, f, separator);
}

/* The ticket from which on there are `f->newest` events that fit, counted from the latest back. */
static uint64_t
first_of_newest(const struct ring *r, const struct lk_event_filter *f, int separator,
		uint64_t oldest, uint64_t last)
{
	uint64_t left = f->newest;
	struct lk_event e;

	for (uint64_t t = last; t >= oldest; t--) {
		if (ring_get(r, t, &e) && fits(&e, f, separator) && --left == 0)
			return t;
	}
	return oldest;
}

int
sift(const struct ring *r, const struct lk_event_filter *f, int separator,
     int (*fn)(void *arg, const struct lk_event *event), void *arg)
{
	const uint64_t last = ring_last(r);
	uint64_t t = ring_oldest(r);
	struct lk_event e;
	int rc = 0;

	if (f->prefix_len > LK_EVENT_NAME_MAX || (f->prefix == NULL && f->prefix_len != 0) ||
	    (f->pattern == NULL && f->pattern_len != 0))
		return LK_E_INVAL;
	if (f->after >= last)
		return 0;
	if (t <= f->after)
		t = f->after + 1;
	if (f->newest != 0)
		t = first_of_newest(r, f, separator, t, last);
	for (; rc == 0 && t <= last; t++) {
		if (ring_get(r, t, &e) && fits(&e, f, separator))
			rc = fn(arg, &e);
	}
	return rc;
}
