/* SPDX-License-Identifier: MIT */
/*
 * Batches of the reference: in the order of paths, each name at once in all that is needed there.  If
 * somebody is in the way, all goes back, and what is needed is waited for together.
 */
#include "inside.h"
#include "matrix.h"

#include <string.h>

/* A name, all that is below it, its next sibling: as if the separator came before all other bytes. */
static int
compare_paths(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	if (*a == '\0' || *b == '\0')
		return (*a != '\0') - (*b != '\0');
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* What the batch needs on `name`, and how many of its elements need something there. */
static lk_mode
batch_need(const struct ref_item *item, size_t n, const char *name, bool parents, size_t *users)
{
	lk_mode need = LK_NL;

	*users = 0;
	for (size_t i = 0; i < n; i++) {
		bool is_below = ref_is_below(item[i].name, name);
		lk_mode mode = is_below && !parents ? intent(item[i].mode) : item[i].mode;

		if (!is_below && item[i].name != name)
			continue;
		need = supremum[need][mode];
		++*users;
	}
	return need;
}

/* An element, and before it the claims on its path that it is the first to need, in all that is needed. */
static int
take_element(struct ref *m, int owner, const struct ref_item *item, size_t n, size_t i,
	     struct ref_request *q, struct ref_claim *kept, size_t *n_kept, lk_grant *out)
{
	const char *path[REF_DEPTH];
	size_t levels = ref_path(item[i].name, path);

	for (size_t k = 0; k < levels; k++) {
		size_t users, before;
		lk_mode need = batch_need(item, n, path[k], q->parents, &users);
		int rc;

		(void)batch_need(item, i, path[k], q->parents, &before);
		if (before > 0 || users < 2)
			continue;
		if (!q->parents && ref_cover_of(m, owner, path[k], need) != NULL)
			continue;
		rc = ref_claim(m, owner, path[k], need, q);
		if (rc != 0)
			return rc;
		kept[(*n_kept)++] =
			(struct ref_claim){ .owner = owner, .name = path[k], .mode = need };
	}
	return ref_acquire_one(m, owner, item[i].name, item[i].mode, q, out);
}

/* What is taken goes back; or, in the end, what was claimed in advance. */
static int
take_elements(struct ref *m, int owner, const struct ref_item *item, size_t n, const size_t *place,
	      struct ref_request *q, lk_grant *out)
{
	struct ref_claim kept[REF_BATCH * REF_NAMES];
	size_t n_kept = 0, taken = 0;
	int rc = 0;

	for (; rc == 0 && taken < n; taken += rc == 0)
		rc = take_element(m, owner, item, n, taken, q, kept, &n_kept, &out[place[taken]]);
	for (size_t i = taken; rc != 0 && i-- > 0;)
		ref_undo_grant(m, owner, out[place[i]]);
	while (rc != 0 && n_kept > 0) {
		n_kept--;
		ref_undo_claim(m, owner, kept[n_kept].name, kept[n_kept].mode);
	}
	while (n_kept-- > 0)
		ref_drop_claim(m, owner, kept[n_kept].name, kept[n_kept].mode);
	ref_settle(m, owner);
	return rc;
}

/* A name of the batch, or above one. */
struct ref_level {
	const char *name;
	lk_mode need;
	lk_mode want;
	bool covered;
};

static size_t
levels_of(const struct ref_item *item, size_t n, bool parents, struct ref_level *level)
{
	const char *path[REF_DEPTH];
	size_t n_levels = 0;

	for (size_t i = 0; i < n; i++) {
		size_t depth = ref_path(item[i].name, path);

		for (size_t k = 0; k < depth; k++) {
			size_t users, before;

			(void)batch_need(item, i, path[k], parents, &before);
			if (before == 0)
				level[n_levels++] = (struct ref_level){
					path[k], batch_need(item, n, path[k], parents, &users),
					LK_NL, false
				};
		}
	}
	return n_levels;
}

/* Will what is above give it, once that is what the batch wants there? */
static bool
level_covered(const struct ref *m, int owner, const struct ref_level *all,
	      const struct ref_level *l)
{
	const struct ref_hold *h = ref_hold_of(m, owner, l->name);

	if (m->fault == REF_NO_COVER || (h != NULL && h->cover == NULL))
		return false;
	for (const struct ref_level *a = all; a < l; a++) {
		bool asked = h != NULL ? a->name == h->cover
				       : !a->covered && ref_is_below(l->name, a->name);

		if (asked && covers(below(a->want), l->need))
			return true;
	}
	return false;
}

/* All that is needed and is not there, as one request. */
static int
wait_together(struct ref *m, int owner, const struct ref_item *item, size_t n,
	      struct ref_request *q, struct ref_claim *claim, size_t *n_claims)
{
	struct ref_level level[REF_NAMES];
	struct ref_waiter part[REF_NAMES];
	size_t n_levels = levels_of(item, n, q->parents, level);
	int rc;

	*n_claims = 0;
	for (struct ref_level *l = level; l < level + n_levels; l++) {
		l->want = supremum[ref_effective(m, owner, l->name)][l->need];
		l->covered = !q->parents && level_covered(m, owner, level, l);
	}
	/* what is implied and no longer will be needs intents above */
	for (struct ref_level *l = level + n_levels; l-- > level;) {
		bool implied = ref_is_implied(m, owner, l->name) && !l->covered;

		for (struct ref_level *a = level; implied && a < l; a++) {
			if (ref_is_below(l->name, a->name))
				a->need =
					supremum[a->need][intent(ref_effective(m, owner, l->name))];
		}
		l->want = supremum[ref_effective(m, owner, l->name)][l->need];
	}
	for (struct ref_level *l = level; l < level + n_levels; l++) {
		lk_mode held = ref_in_word(m, owner, l->name);

		if (l->covered || l->want == held)
			continue;
		part[*n_claims] = (struct ref_waiter){ .owner = owner,
						       .name = l->name,
						       .held = held,
						       .want = l->want,
						       .need = l->need };
		claim[(*n_claims)++] =
			(struct ref_claim){ .owner = owner, .name = l->name, .mode = l->need };
	}
	rc = ref_wait_for_all(m, part, *n_claims, q);
	ref_settle(m, owner);
	return rc;
}

static int
take_together(struct ref *m, int owner, const struct ref_item *item, size_t n, const size_t *place,
	      struct ref_request *q, lk_grant *out)
{
	struct ref_claim claim[REF_NAMES];
	size_t n_claims;
	int rc = wait_together(m, owner, item, n, q, claim, &n_claims);

	if (rc != 0)
		return rc;
	rc = take_elements(m, owner, item, n, place, q, out);
	while (n_claims-- > 0) {
		if (rc != 0)
			ref_undo_claim(m, owner, claim[n_claims].name, claim[n_claims].mode);
		else
			ref_drop_claim(m, owner, claim[n_claims].name, claim[n_claims].mode);
	}
	ref_settle(m, owner);
	return rc;
}

int
ref_acquire_many(struct ref *m, int owner, const struct ref_item *asked, size_t n,
		 struct ref_request *q, lk_grant *out)
{
	struct ref_request at_once = *q;
	struct ref_item item[REF_BATCH];
	size_t place[REF_BATCH];
	int rc;

	if (m->closed)
		return LK_E_CLOSED;
	at_once.nowait = true;
	ref_remember(m, owner);
	for (size_t i = 0; i < n; i++) { /* sorted by insertion: equal names stay in order */
		size_t k = i;

		for (; k > 0 && compare_paths(asked[i].name, item[k - 1].name) < 0; k--) {
			item[k] = item[k - 1];
			place[k] = place[k - 1];
		}
		item[k] = asked[i];
		place[k] = i;
	}
	rc = take_elements(m, owner, item, n, place, &at_once, out);
	if (rc != LK_E_BUSY || q->nowait)
		return rc;
	return take_together(m, owner, item, n, place, q, out);
}
