/* SPDX-License-Identifier: MIT */
/* What the lists of the reference say of names and holds. */
#include "inside.h"
#include "matrix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- names */

/* A name, and the names of its path, root first; the last is the name itself. */
struct known {
	const char *name;
	size_t levels;
	const char *path[REF_DEPTH];
};

/* All names are known in advance, so they are told apart by their addresses. */
static struct known known[REF_NAMES];
static size_t n_known;

static const char *
known_as(const char *bytes, size_t len)
{
	for (size_t i = 0; i < n_known; i++) {
		if (strlen(known[i].name) == len && memcmp(known[i].name, bytes, len) == 0)
			return known[i].name;
	}
	abort(); /* what is above a name is a name, too */
}

void
ref_names(const char *const *name, size_t n)
{
	assert(n <= REF_NAMES);
	n_known = n;
	for (size_t i = 0; i < n; i++)
		known[i] = (struct known){ .name = name[i], .levels = 0 };
	for (struct known *k = known; k < known + n; k++) {
		for (size_t i = 1; i <= strlen(k->name); i++) {
			if (k->name[i] == '/' || k->name[i] == '\0')
				k->path[k->levels++] = known_as(k->name, i);
		}
	}
}

static const struct known *
find_known(const char *name)
{
	for (size_t i = 0; i < n_known; i++) {
		if (known[i].name == name)
			return &known[i];
	}
	abort();
}

bool
ref_is_below(const char *name, const char *above)
{
	const struct known *k = find_known(name);

	for (size_t i = 0; i + 1 < k->levels; i++) {
		if (k->path[i] == above)
			return true;
	}
	return false;
}

size_t
ref_path(const char *name, const char *all[REF_DEPTH])
{
	const struct known *k = find_known(name);

	memcpy(all, k->path, sizeof(k->path));
	return k->levels;
}

/* ------------------------------------------------------------ what is held */

const struct ref_hold *
ref_hold_of(const struct ref *m, int owner, const char *name)
{
	for (size_t i = 0; i < m->n_holds; i++) {
		if (m->hold[i].owner == owner && m->hold[i].name == name)
			return &m->hold[i];
	}
	return NULL;
}

bool
ref_is_implied(const struct ref *m, int owner, const char *name)
{
	const struct ref_hold *h = ref_hold_of(m, owner, name);

	return h != NULL && h->cover != NULL;
}

/* ref_is_below(), of a grant's name: that is asked all the time. */
static bool
is_above(const struct ref_grant *g, const char *name)
{
	size_t i = 0;

	while (g->above[i] != NULL && g->above[i] != name)
		i++;
	return g->above[i] != NULL;
}

/* What one grant needs on `name`. */
lk_mode
ref_need_of(const struct ref *m, const struct ref_grant *g, const char *name)
{
	const struct ref_hold *h;

	if (g->name == name)
		return g->mode;
	if (!is_above(g, name))
		return LK_NL;
	h = ref_hold_of(m, g->owner, g->name);
	if (h->cover == name)
		return at_cover(g->mode);
	if (!ref_is_below(h->cover != NULL ? h->cover : g->name, name))
		return LK_NL;
	return g->parents ? g->mode : intent(g->mode);
}

/* The weakest mode that is at least all that the owner needs on `name`; `but` counts as `as`. */
lk_mode
ref_effective_with(const struct ref *m, int owner, const char *name, const struct ref_grant *but,
		   lk_mode as)
{
	lk_mode all = but != NULL ? as : LK_NL;

	for (size_t i = 0; i < m->n_grants; i++) {
		if (m->grant[i].owner == owner && &m->grant[i] != but)
			all = supremum[all][ref_need_of(m, &m->grant[i], name)];
	}
	for (size_t i = 0; i < m->n_claims; i++) {
		if (m->claim[i].owner == owner && m->claim[i].name == name)
			all = supremum[all][m->claim[i].mode];
	}
	return all;
}

lk_mode
ref_effective(const struct ref *m, int owner, const char *name)
{
	return ref_effective_with(m, owner, name, NULL, LK_NL);
}

/* What stands in the way of others. */
lk_mode
ref_in_word(const struct ref *m, int owner, const char *name)
{
	const struct ref_owner *o = &m->owner[owner];

	if (o->given != NULL && o->given == name)
		return o->mode;
	return ref_is_implied(m, owner, name) ? LK_NL : ref_effective(m, owner, name);
}

lk_mode
ref_holds(const struct ref *m, int owner, const char *name)
{
	const char *path[REF_DEPTH];
	lk_mode mode = ref_effective(m, owner, name);

	for (size_t n = ref_path(name, path) - 1; n > 0; n--)
		mode = supremum[mode][below(ref_effective(m, owner, path[n - 1]))];
	return mode;
}

const struct ref_grant *
ref_grant_of(const struct ref *m, int owner, lk_grant id)
{
	for (size_t i = 0; i < m->n_grants; i++) {
		if (m->grant[i].owner == owner && m->grant[i].id == id)
			return &m->grant[i];
	}
	return NULL;
}

uint32_t
ref_grants_on(const struct ref *m, int owner, const char *name)
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->n_grants; i++)
		n += m->grant[i].owner == owner && m->grant[i].name == name;
	return n;
}

void
ref_init(struct ref *m, uint64_t max_reentry, enum ref_fault fault, void (*sleep)(void))
{
	memset(m, 0, offsetof(struct ref, grant));
	m->max_reentry = max_reentry;
	m->fault = fault;
	m->sleep = sleep;
}

void
ref_cancel(struct ref *m, int owner)
{
	m->owner[owner].canceled = true;
}

void
ref_forget_cancel(struct ref *m, int owner)
{
	m->owner[owner].canceled = false;
}

int
ref_release_name(struct ref *m, int owner, const char *name)
{
	for (size_t i = m->n_grants; i-- > 0;) {
		if (m->grant[i].owner == owner && m->grant[i].name == name)
			return ref_release(m, owner, m->grant[i].id);
	}
	return LK_E_STALE;
}

void
ref_release_all(struct ref *m, int owner, const lk_grant *id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)ref_release(m, owner, id[i]);
}

void
ref_remember(struct ref *m, int owner)
{
	struct ref_before *b = &m->before[owner];

	b->n = 0;
	for (size_t i = 0; i < m->n_holds; i++) {
		if (m->hold[i].owner == owner && m->hold[i].cover != NULL)
			b->hold[b->n++] = m->hold[i];
	}
}

bool
ref_is_needed_below(const struct ref *m, int owner, const char *name)
{
	for (size_t i = 0; i < m->n_grants; i++) {
		const struct ref_grant *g = &m->grant[i];

		if (g->owner == owner && g->name != name && ref_need_of(m, g, name) != LK_NL)
			return true;
	}
	for (size_t i = 0; i < m->n_claims; i++) {
		if (m->claim[i].owner == owner && m->claim[i].name == name)
			return true;
	}
	return false;
}

int
ref_downgrade(struct ref *m, int owner, lk_grant id)
{
	const struct ref_grant *g = ref_grant_of(m, owner, id);
	struct ref_request q = { .nowait = false };

	if (g == NULL)
		return LK_E_STALE;
	return covers(g->mode, LK_S) ? ref_convert(m, owner, id, LK_S, &q) : LK_E_INVAL;
}

/* Try it, on a copy. */
int
ref_can_convert(const struct ref *m, int owner, lk_grant id, lk_mode to)
{
	static struct ref copy;
	struct ref_request q = { .nowait = true };

	memcpy(&copy, m, offsetof(struct ref, grant) + m->n_grants * sizeof(m->grant[0]));
	return ref_convert(&copy, owner, id, to, &q);
}
