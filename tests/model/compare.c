/* SPDX-License-Identifier: MIT */
/* What the library shows, beside what the reference has. */
#include "play.h"
#include "matrix.h"

#include <string.h>

static const char *
mode_of(int mode)
{
	return lk_modename((lk_mode)mode);
}

/* An owner's label is its number. */
static struct actor *
actor_of(struct stage *t, const char *label)
{
	int i = label[0] - '0';

	return i >= 0 && i < t->script->owners ? &t->actor[i] : NULL;
}

/* The index of a name of `len` bytes; SCRIPT_NAMES: none. */
static unsigned
name_of(const void *name, size_t len)
{
	unsigned i = 0;

	while (i < SCRIPT_NAMES &&
	       (strlen(script_names[i]) != len || memcmp(script_names[i], name, len) != 0))
		i++;
	return i;
}

/* ------------------------------------------------------------------- fences */

/* Not seen before: above all seen so far; or, if it was given out earlier, between what is known. */
static bool
is_plausible(const struct seen_fences *f, int owner, uint64_t which, uint64_t value)
{
	if (which > f->latest)
		return value > f->highest;
	return value > f->of[owner] && value < f->value;
}

/* `value` is the fence that the reference counts as `which` of that name. */
static bool
compare_fence(struct stage *t, int owner, unsigned name, uint64_t which, uint64_t value)
{
	struct seen_fences *f = &t->fences[name];
	const uint64_t k = which % FENCES_KNOWN;
	bool good;

	if (which == 0)
		good = value == 0;
	else if (f->known[k].which == which)
		good = value == f->known[k].value;
	else
		good = is_plausible(f, owner, which, value);
	if (!good)
		return differ(t, "owner %d on %s: fence %llu, which should be number %llu", owner,
			      script_names[name], (unsigned long long)value,
			      (unsigned long long)which);
	f->of[owner] = value;
	f->known[k].which = which;
	f->known[k].value = value;
	if (which > f->latest) {
		f->latest = which;
		f->value = f->highest = value;
	}
	return true;
}

/* The latest, as a reader is told. */
static bool
compare_observation(struct stage *t, int owner, unsigned name, uint64_t value)
{
	struct seen_fences *f = &t->fences[name];

	if (value < f->highest)
		return differ(t, "owner %d reads fence %llu of %s, below %llu", owner,
			      (unsigned long long)value, script_names[name],
			      (unsigned long long)f->highest);
	f->highest = value;
	return true;
}

/* ----------------------------------------------------------------- snapshot */

struct look {
	struct stage *t;
	size_t holders;
	size_t waiters;
	bool good;
};

static bool
compare_holder(struct look *l, const struct lk_snapshot_row *row, int owner, unsigned name)
{
	struct stage *t = l->t;
	const struct ref *m = &t->ref;
	const struct ref_hold *h = ref_hold_of(m, owner, script_names[name]);
	lk_mode mode = ref_effective(m, owner, script_names[name]);
	uint32_t grants = ref_grants_on(m, owner, script_names[name]);

	l->holders++;
	if (h == NULL || row->held != mode)
		return differ(t, "owner %d holds %s in %s, but should in %s", owner,
			      script_names[name], mode_of(row->held), mode_of(mode));
	if (((row->flags & LK_IMPLIED) != 0) != (h->cover != NULL))
		return differ(t, "owner %d on %s: %s", owner, script_names[name],
			      h->cover != NULL ? "not implied" : "implied");
	if (row->grants != grants)
		return differ(t, "owner %d has %u grants on %s, but should have %u", owner,
			      row->grants, script_names[name], grants);
	if (row->units != ref_units_of(m, owner, script_names[name]))
		return differ(t, "owner %d has %u units of %s", owner, row->units,
			      script_names[name]);
	return compare_fence(t, owner, name, h->fence, row->fence);
}

/* The n-th waiter of a name, from 1. */
static const struct ref_waiter *
waiter_at(const struct ref *m, const char *name, uint32_t position)
{
	for (size_t i = 0; i < m->n_waiters; i++) {
		if (strcmp(m->waiter[i].name, name) == 0 && --position == 0)
			return &m->waiter[i];
	}
	return NULL;
}

static bool
compare_waiter(struct look *l, const struct lk_snapshot_row *row, int owner, unsigned name)
{
	const struct ref_waiter *w = waiter_at(&l->t->ref, script_names[name], row->position);

	l->waiters++;
	if (w == NULL || w->owner != owner || w->held != row->held || w->want != row->wanted ||
	    w->units != row->units)
		return differ(l->t,
			      "place %u in the line of %s: owner %d, holds %s, wants %s; should be "
			      "owner %d, %s, %s",
			      row->position, script_names[name], owner, mode_of(row->held),
			      mode_of(row->wanted), w != NULL ? w->owner : -1,
			      mode_of(w != NULL ? (int)w->held : -1),
			      mode_of(w != NULL ? (int)w->want : -1));
	return true;
}

static int
compare_row(void *arg, const struct lk_snapshot_row *row)
{
	struct look *l = arg;
	struct actor *a = actor_of(l->t, row->owner_label);
	unsigned name = name_of(row->name, row->name_len);

	if (a == NULL || name == SCRIPT_NAMES)
		l->good = differ(l->t, "a snapshot shows an owner or a name that is none");
	else if (row->wanted == LK_NL)
		l->good = compare_holder(l, row, a->index, name);
	else
		l->good = compare_waiter(l, row, a->index, name);
	return l->good ? 0 : 1;
}

static bool
compare_snapshot(struct stage *t)
{
	struct look l = { .t = t, .good = true };

	if (lk_snapshot(t->m, compare_row, &l) < 0)
		return differ(t, "lk_snapshot failed");
	if (l.good && (l.holders != t->ref.n_holds || l.waiters != t->ref.n_waiters))
		return differ(t, "%zu holds and %zu waiters, but there should be %zu and %zu",
			      l.holders, l.waiters, t->ref.n_holds, t->ref.n_waiters);
	return l.good;
}

/* -------------------------------------------------------------- names, sums */

static bool
compare_info(struct stage *t, unsigned name)
{
	struct lk_info info = { .size = sizeof(info) };
	uint32_t holders[LK_X + 1] = { 0 };
	uint32_t waiters = 0;

	for (int i = 0; i < t->script->owners; i++)
		holders[ref_in_word(&t->ref, i, script_names[name])]++;
	while (waiter_at(&t->ref, script_names[name], waiters + 1) != NULL)
		waiters++;
	if (lk_info(t->m, script_names[name], strlen(script_names[name]), &info) != 0)
		return differ(t, "lk_info failed");
	if (info.waiters != waiters || info.flags != 0)
		return differ(t, "%s has %u waiters, but should have %u", script_names[name],
			      info.waiters, waiters);
	for (int mode = LK_IS; mode <= LK_X; mode++) {
		if (info.holders[mode] != holders[mode])
			return differ(t, "%s has %u holders in %s, but should have %u",
				      script_names[name], info.holders[mode], mode_of(mode),
				      holders[mode]);
	}
	return true;
}

/* The units of a name, as a semaphore. */
static bool
compare_semaphore(struct stage *t, unsigned name)
{
	const char *text = script_names[name];
	struct lk_semaphore_info info = { .size = sizeof(info) };
	uint32_t waiting = 0;
	uint64_t wanted = 0;

	for (size_t i = 0; i < t->ref.n_waiters; i++) {
		const struct ref_waiter *w = &t->ref.waiter[i];

		waiting += w->name == text && w->units != 0;
		wanted += w->name == text ? w->units : 0;
	}
	if (lk_semaphore_info(t->m, text, strlen(text), &info) != 0)
		return differ(t, "lk_semaphore_info failed");
	if (info.permits != ref_permits(&t->ref, text) ||
	    info.used != ref_units_used(&t->ref, text) || info.waiting != waiting ||
	    info.wanted != wanted)
		return differ(t,
			      "%u of %u units of %s are taken, %u requests want %llu; should be %u "
			      "of %u, %u, %llu",
			      info.used, info.permits, text, info.waiting,
			      (unsigned long long)info.wanted, ref_units_used(&t->ref, text),
			      ref_permits(&t->ref, text), waiting, (unsigned long long)wanted);
	return true;
}

static bool
compare_stats(struct stage *t)
{
	struct lk_stats s = { .size = sizeof(s) };

	if (lk_stats(t->m, &s) != 0)
		return differ(t, "lk_stats failed");
	if (s.holds != t->ref.n_holds || s.waiting != t->ref.n_waiters)
		return differ(t, "lk_stats has %llu holds, %llu waiting; should be %zu, %zu",
			      (unsigned long long)s.holds, (unsigned long long)s.waiting,
			      t->ref.n_holds, t->ref.n_waiters);
#define RESULT_COMPARE(code, counter)                                                         \
	if (s.counter != t->results[RESULT_##code])                                           \
		return differ(t, "%llu " #counter ", but there were %llu calls that said so", \
			      (unsigned long long)s.counter,                                  \
			      (unsigned long long)t->results[RESULT_##code]);
	RESULT_LIST(RESULT_COMPARE)
#undef RESULT_COMPARE
	if (s.conversions != t->conversions)
		return differ(t, "%llu conversions, but there were %llu",
			      (unsigned long long)s.conversions,
			      (unsigned long long)t->conversions);
	if (s.transfers != t->ref.transfers || s.escalations != t->ref.escalated ||
	    s.escalations_refused != t->ref.not_escalated)
		return differ(t,
			      "%llu transfers, %llu escalations, %llu in vain; should be %llu, "
			      "%llu, %llu",
			      (unsigned long long)s.transfers, (unsigned long long)s.escalations,
			      (unsigned long long)s.escalations_refused,
			      (unsigned long long)t->ref.transfers,
			      (unsigned long long)t->ref.escalated,
			      (unsigned long long)t->ref.not_escalated);
	return true;
}

/* ------------------------------------------------------------------- owners */

static const struct pair *
pair_of(const struct actor *a, lk_grant g)
{
	for (size_t i = 0; i < a->n_pairs; i++) {
		if (a->pair[i].lk == g)
			return &a->pair[i];
	}
	return NULL;
}

struct tour {
	struct actor *a;
	size_t n;
	bool good;
};

static bool
compare_grant(struct actor *a, const struct lk_grant_info *info)
{
	struct stage *t = a->stage;
	const struct pair *p = pair_of(a, info->grant);
	const struct ref_grant *g = p != NULL ? ref_grant_of(&t->ref, a->index, p->ref) : NULL;
	unsigned name = name_of(info->name, info->name_len);
	const struct ref_hold *h;
	lk_mode effective;

	if (g == NULL || name == SCRIPT_NAMES || strcmp(g->name, script_names[name]) != 0)
		return differ(t, "owner %d has a grant that it should not have", a->index);
	h = ref_hold_of(&t->ref, a->index, g->name);
	effective = ref_effective(&t->ref, a->index, g->name);
	if (info->mode != g->mode || info->effective != effective)
		return differ(t, "a grant of owner %d on %s is %s of %s; should be %s of %s",
			      a->index, g->name, mode_of(info->mode), mode_of(info->effective),
			      mode_of(g->mode), mode_of(effective));
	if (info->units != g->units)
		return differ(t, "a grant of owner %d on %s has %u units, but should have %u",
			      a->index, g->name, info->units, g->units);
	if (info->flags != (h->cover != NULL ? LK_IMPLIED : 0))
		return differ(t, "a grant of owner %d on %s has flags %x", a->index, g->name,
			      info->flags);
	if (h->fence != 0 || effective != LK_S)
		return compare_fence(t, a->index, name, h->fence, info->fence);
	return compare_observation(t, a->index, name, info->fence);
}

static int
compare_each(void *arg, const struct lk_grant_info *info)
{
	struct tour *tour = arg;

	tour->n++;
	tour->good = compare_grant(tour->a, info);
	return tour->good ? 0 : 1;
}

/* An owner that is in no call. */
static bool
compare_owner(struct actor *a)
{
	struct tour tour = { .a = a, .good = true };
	struct stage *t = a->stage;

	if (lk_owner_each(a->lk, compare_each, &tour) < 0)
		return differ(t, "lk_owner_each failed");
	if (!tour.good)
		return false;
	if (tour.n != a->n_pairs)
		return differ(t, "owner %d has %zu grants, but should have %zu", a->index, tour.n,
			      a->n_pairs);
	for (unsigned i = 0; i < t->names; i++) {
		int mode = lk_holds(a->lk, script_names[i], strlen(script_names[i]));
		lk_mode should = ref_holds(&t->ref, a->index, script_names[i]);

		if (mode != (int)should)
			return differ(t, "lk_holds of owner %d on %s is %s, but should be %s",
				      a->index, script_names[i], mode_of(mode), mode_of(should));
	}
	for (size_t i = 0; i < a->n_pairs; i++) {
		struct lk_grant_info info = { .size = sizeof(info) };

		if (lk_grant_info(a->lk, a->pair[i].lk, &info) != 0 ||
		    info.fence != lk_fence(a->lk, a->pair[i].lk))
			return differ(t, "lk_grant_info and lk_fence of owner %d", a->index);
	}
	return true;
}

/*
 * What it is all about, whatever the library and the reference agree on: two owners never have one name in
 * modes that conflict, with what they have by way of ancestors.
 */
static bool
check_exclusion(struct stage *t, unsigned name)
{
	const char *text = script_names[name];

	for (int i = 0; i < t->script->owners; i++) {
		for (int k = 0; k < i; k++) {
			lk_mode a = ref_holds(&t->ref, i, text), b = ref_holds(&t->ref, k, text);

			if (conflicts[a][b] && t->ref.fault == REF_RIGHT)
				return differ(t, "owner %d has %s in %s, and owner %d in %s", i,
					      text, mode_of(a), k, mode_of(b));
		}
	}
	return true;
}

bool
compare_all(struct stage *t)
{
	if (!compare_snapshot(t) || !compare_stats(t))
		return false;
	for (unsigned i = 0; i < t->names; i++) {
		if (!compare_info(t, i) || !compare_semaphore(t, i) || !check_exclusion(t, i))
			return false;
	}
	for (int i = 0; i < t->script->owners; i++) {
		if (!t->actor[i].calls && !compare_owner(&t->actor[i]))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ sweeping */

static bool
is_used(const struct stage *t, const char *name)
{
	for (int i = 0; i < t->script->owners; i++) {
		if (ref_hold_of(&t->ref, i, name) != NULL)
			return true;
	}
	for (unsigned i = 0; i < t->names; i++) {
		if (t->handle[i] != NULL && strcmp(script_names[i], name) == 0)
			return true;
	}
	return false;
}

/* A name stays while it or one below it is in use. */
static bool
must_stay(const struct stage *t, const char *name)
{
	for (unsigned i = 0; i < t->names; i++) {
		if ((strcmp(script_names[i], name) == 0 || ref_is_below(script_names[i], name)) &&
		    is_used(t, script_names[i]))
			return true;
	}
	return false;
}

bool
compare_sweep(struct stage *t)
{
	struct lk_stats before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
	size_t removed = 0, stay = 0;

	if (lk_stats(t->m, &before) != 0 || lk_sweep(t->m, &removed) != 0 ||
	    lk_stats(t->m, &after) != 0)
		return differ(t, "lk_sweep failed");
	if (removed != before.names - after.names)
		return differ(t, "lk_sweep says %zu, but it were %llu", removed,
			      (unsigned long long)(before.names - after.names));
	for (unsigned i = 0; i < t->names; i++)
		stay += must_stay(t, script_names[i]);
	/* what a waiting request has under way is its own affair */
	if (t->ref.n_waiters == 0 ? after.names != stay : after.names < stay)
		return differ(t, "%llu names are left, but should %zu",
			      (unsigned long long)after.names, stay);
	return true;
}
