/* SPDX-License-Identifier: MIT */
/* Batches of the reference: in the order of paths, each name at once in all that is needed there. */
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

		if (!is_below && strcmp(item[i].name, name) != 0)
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
	const char *path[REF_NAMES];
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
		kept[(*n_kept)++] = (struct ref_claim){ owner, path[k], need };
	}
	return ref_acquire_one(m, owner, item[i].name, item[i].mode, q, out);
}

int
ref_acquire_many(struct ref *m, int owner, const struct ref_item *asked, size_t n,
		 struct ref_request *q, lk_grant *out)
{
	struct ref_claim kept[REF_BATCH * REF_NAMES];
	struct ref_item item[REF_BATCH];
	size_t place[REF_BATCH];
	size_t n_kept = 0, taken = 0;
	int rc = 0;

	if (m->closed)
		return LK_E_CLOSED;
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
	for (; rc == 0 && taken < n; taken += rc == 0)
		rc = take_element(m, owner, item, n, taken, q, kept, &n_kept, &out[place[taken]]);
	while (rc != 0 && taken-- > 0)
		ref_undo_grant(m, owner, out[place[taken]]);
	while (rc != 0 && n_kept > 0) {
		n_kept--;
		ref_undo_claim(m, owner, kept[n_kept].name, kept[n_kept].mode);
	}
	while (n_kept-- > 0)
		ref_drop_claim(m, owner, kept[n_kept].name, kept[n_kept].mode);
	ref_settle(m, owner);
	return rc;
}
