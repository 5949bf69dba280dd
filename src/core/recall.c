/* SPDX-License-Identifier: MIT */
/* Events, for whoever asks what happened. */
#include "core/manager.h"

#include "trace/sift.h"

static int
read_filter(struct lk_event_filter *f, const struct lk_event_filter *given)
{
	int rc = given != NULL ? check_struct(given, given->size, sizeof(*f)) : 0;

	memset(f, 0, sizeof(*f));
	if (rc == 0 && given != NULL)
		memcpy(f, given, given->size < sizeof(*f) ? given->size : sizeof(*f));
	return rc == 0 && f->reserved != 0 ? LK_E_INVAL : rc;
}

static int
separator_of(const struct lk_manager *m)
{
	return m->index.separator != 0 ? (int)m->index.separator : LK_NO_SEPARATOR;
}

int
lk_event_each(struct lk_manager *m, const struct lk_event_filter *filter,
	      int (*fn)(void *arg, const struct lk_event *event), void *arg)
{
	struct lk_event_filter f;
	int rc;

	if (m == NULL || fn == NULL)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	rc = read_filter(&f, filter);
	return rc == 0 ? sift(&m->tracer.ring, &f, separator_of(m), fn, arg) : rc;
}

int
lk_event_count(struct lk_manager *m, struct lk_event_counts *out)
{
	struct lk_event_counts c = { 0 };
	const struct ring *r;
	int rc = check_reading(m, out, sizeof(c));

	if (rc != 0)
		return rc;
	r = &m->tracer.ring;
	c.dropped = shim_load(&r->dropped, SHIM_RELAXED);
	c.recorded = ring_last(r) - c.dropped;
	c.overwritten = ring_oldest(r) - 1;
	copy_struct(out, &c, sizeof(c));
	return 0;
}

const char *
lk_eventname(uint32_t kind)
{
	switch (kind) {
#define CASE(name, bit, text) \
	case (bit):           \
		return #name;
		LK_EVENT_LIST(CASE)
#undef CASE
	default:
		return "?";
	}
}
