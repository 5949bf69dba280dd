/* SPDX-License-Identifier: MIT */
/* The record "f": may a session begin there, and where are the locks?  (MV3, MV4) */
#include <stdio.h>

#include "remote/floor.h"
#include "remote/inside.h"

/* The session that may begin, if the locks are here. */
struct beginning {
	uint64_t floor;
	unsigned char bytes[FLOOR_BYTES];
};

static int
raise_floor(void *arg, struct lk_store_record *r, size_t n)
{
	struct beginning *b = arg;
	struct floor f;

	(void)n;
	if (!floor_read(r, &f))
		return LK_E_CORRUPT;
	if (f.state == FLOOR_GONE)
		return LK_E_MOVED;
	if (f.state == FLOOR_COMES)
		return LK_E_BUSY; /* (MV4) */
	return floor_raise(r, b->floor, b->bytes);
}

int
ask_floor(struct remote *m, uint64_t floor)
{
	struct lk_store_record r = { .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	struct beginning b = { .floor = floor };

	return m->store->ops->update(m->store, &r, 1, raise_floor, &b, remote_patience(m));
}

static int
read_other(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	return floor_read(r, arg) ? 0 : LK_E_CORRUPT;
}

void
ask_where(struct remote *m, char *out, size_t cap)
{
	struct lk_store_record r = { .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	struct floor f = { .is = 0 };

	(void)m->store->ops->read(m->store, &r, 1, read_other, &f, remote_patience(m));
	(void)snprintf(out, cap, "%s%s",
		       f.state == FLOOR_COMES ? "the locks of another store are being moved here: "
					      : "the locks of this store are in another one now: ",
		       f.other);
}
