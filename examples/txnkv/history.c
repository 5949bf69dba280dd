/* SPDX-License-Identifier: MIT */
/* Who read and wrote which version: see history.h. */
#include <stdlib.h>

#include <latchkey.h>

#include "history.h"

void
history_init(struct history *h)
{
	*h = (struct history){ 0 };
	h->end = &h->first;
	pthread_mutex_init(&h->mutex, NULL);
}

void
history_fini(struct history *h)
{
	while (h->first != NULL) {
		struct record *r = h->first;

		h->first = r->next;
		record_free(r);
	}
	pthread_mutex_destroy(&h->mutex);
}

struct record *
record_make(void)
{
	return calloc(1, sizeof(struct record));
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	arena_free(&r->arena);
	free(r->seen);
	free(r->scan);
	free(r->wrote);
	free(r);
}

/* Room for one more in an array of `size`-sized things. */
static int
grow(void **array, size_t size, size_t n, size_t *cap)
{
	size_t more = *cap == 0 ? 8 : *cap * 2;
	void *larger;

	if (n < *cap)
		return 0;
	larger = realloc(*array, more * size);
	if (larger == NULL)
		return LK_E_NOMEM;
	*array = larger;
	*cap = more;
	return 0;
}

static int
add_seen(struct record *r, struct seen **array, size_t *n, size_t *cap, struct seen one)
{
	int rc = arena_copy(&r->arena, one.table, &one.table);

	if (rc == 0)
		rc = arena_copy(&r->arena, one.key, &one.key);
	if (rc == 0)
		rc = grow((void **)array, sizeof(**array), *n, cap);
	if (rc == 0)
		(*array)[(*n)++] = one;
	return rc;
}

int
record_read(struct record *r, struct bytes table, struct bytes key, uint64_t version)
{
	return add_seen(r, &r->seen, &r->n_seen, &r->cap_seen,
			(struct seen){ .table = table, .key = key, .version = version });
}

int
record_write(struct record *r, struct bytes table, struct bytes key)
{
	return add_seen(r, &r->wrote, &r->n_wrote, &r->cap_wrote,
			(struct seen){ .table = table, .key = key });
}

int
record_scan(struct record *r, struct bytes table)
{
	struct scan one = { .first = r->n_seen };
	int rc = arena_copy(&r->arena, table, &one.table);

	if (rc == 0)
		rc = grow((void **)&r->scan, sizeof(*r->scan), r->n_scans, &r->cap_scans);
	if (rc == 0)
		r->scan[r->n_scans++] = one;
	return rc;
}

void
record_scan_end(struct record *r)
{
	struct scan *last = &r->scan[r->n_scans - 1];

	last->n = r->n_seen - last->first;
}

struct record_mark
record_mark(const struct record *r)
{
	return (struct record_mark){ r->n_seen, r->n_scans };
}

void
record_rollback(struct record *r, struct record_mark mark)
{
	r->n_seen = mark.n_seen;
	r->n_scans = mark.n_scans;
}

void
history_add(struct history *h, struct record *r, uint64_t number)
{
	r->number = number;
	pthread_mutex_lock(&h->mutex);
	*h->end = r;
	h->end = &r->next;
	h->n++;
	pthread_mutex_unlock(&h->mutex);
}
