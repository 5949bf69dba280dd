/* SPDX-License-Identifier: MIT */
/* What the lists of the reference say of names and holds. */
#include "inside.h"
#include "matrix.h"

#include <assert.h>
#include <string.h>

static bool
same(const char *a, const char *b)
{
	return a == b || strcmp(a, b) == 0;
}

/* ------------------------------------------------------------------- names */

bool
ref_is_below(const char *name, const char *above)
{
	size_t len = strlen(above);

	return strncmp(name, above, len) == 0 && name[len] == '/';
}

/* The names of a path, root first; the last is the name itself.  All names are known in advance. */
size_t
ref_path(const char *name, const char *all[REF_NAMES])
{
	static char part[REF_NAMES][32]; /* names are compared by bytes, so a copy will do */
	static size_t n_parts;
	size_t n = 0;

	for (size_t i = 1; i <= strlen(name); i++) {
		size_t k = 0;

		if (name[i] != '/' && name[i] != '\0')
			continue;
		while (k < n_parts && (strlen(part[k]) != i || strncmp(part[k], name, i) != 0))
			k++;
		if (k == n_parts) {
			assert(n_parts < REF_NAMES && i < sizeof(part[0]));
			memcpy(part[n_parts++], name, i);
		}
		all[n++] = part[k];
	}
	return n;
}

/* ------------------------------------------------------------ what is held */

const struct ref_hold *
ref_hold_of(const struct ref *m, int owner, const char *name)
{
	for (size_t i = 0; i < m->n_holds; i++) {
		if (m->hold[i].owner == owner && same(m->hold[i].name, name))
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

/* What one grant needs on `name`. */
lk_mode
ref_need_of(const struct ref *m, const struct ref_grant *g, const char *name)
{
	const struct ref_hold *h = ref_hold_of(m, g->owner, g->name);

	if (same(g->name, name))
		return g->mode;
	if (h->cover != NULL && same(h->cover, name))
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
		if (m->claim[i].owner == owner && same(m->claim[i].name, name))
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

	if (o->given != NULL && same(o->given, name))
		return o->mode;
	return ref_is_implied(m, owner, name) ? LK_NL : ref_effective(m, owner, name);
}

lk_mode
ref_holds(const struct ref *m, int owner, const char *name)
{
	const char *path[REF_NAMES];
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
		n += m->grant[i].owner == owner && same(m->grant[i].name, name);
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
		if (m->grant[i].owner == owner && same(m->grant[i].name, name))
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
