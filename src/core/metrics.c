/* SPDX-License-Identifier: MIT */
/* Readings of times: histograms, estimates by mode, lists of names. */
#include "core/manager.h"

int
lk_histogram(struct lk_manager *m, int which, struct lk_histogram *out)
{
	struct lk_histogram h = { 0 };
	int rc = check_reading(m, out, sizeof(h));

	if (rc != 0)
		return rc;
	if (!times_read(&m->times, which, &h))
		return LK_E_INVAL;
	copy_struct(out, &h, sizeof(h));
	return 0;
}

int
lk_counts(struct lk_manager *m, struct lk_counts *out)
{
	struct lk_counts c = { 0 };
	uint64_t now;
	int rc = check_reading(m, out, sizeof(c));

	if (rc != 0)
		return rc;
	now = env_now(&m->env);
	c.uptime_ns = now > m->opened_ns ? now - m->opened_ns : 0;
	c.sample_every = m->sample_every;
	c.samples = shim_load(&m->times.timed, SHIM_RELAXED);
	for (unsigned i = LK_IS; i < MODE_N; i++)
		c.grants[i] = shim_load(&m->times.granted[i], SHIM_RELAXED);
	copy_struct(out, &c, sizeof(c));
	return 0;
}

static struct lk_top_name
row_of(const struct sketch_entry *e)
{
	return (struct lk_top_name){
		.size = sizeof(struct lk_top_name),
		.flags = (e->name.tail & NAME_ID) != 0 ? LK_NAME_IS_ID : 0,
		.count = e->count,
		.error = e->error,
		.total_ns = e->total_ns,
		.max_ns = e->max_ns,
		.hash = e->name.hash,
		.name = e->name.bytes,
		.name_len = e->name.tail & NAME_LEN_MASK,
	};
}

int
lk_top_each(struct lk_manager *m, enum lk_top which,
	    int (*fn)(void *arg, const struct lk_top_name *name), void *arg)
{
	const size_t bytes = LK_TOP_NAMES * sizeof(struct sketch_entry);
	struct sketch_entry *copy;
	uint32_t n;
	int rc = 0;

	if (m == NULL || fn == NULL || (which != LK_TOP_WAITED && which != LK_TOP_HELD))
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	copy = env_alloc(&m->env, bytes, sizeof(void *));
	if (copy == NULL)
		return LK_E_NOMEM;
	n = sketch_read(which == LK_TOP_WAITED ? &m->times.waited : &m->times.held, copy);
	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		const struct lk_top_name row = row_of(&copy[i]);

		rc = fn(arg, &row);
	}
	env_free(&m->env, copy, bytes);
	return rc;
}
