/* SPDX-License-Identifier: MIT */
/* Who in other processes is in the way: in words, and for who asks whether anybody is. */
#include <stdio.h>

#include "remote/ask_inside.h"
#include "remote/frozen.h"

struct words {
	struct desk *d;
	lk_mode want;
	uint32_t units; /* that it takes besides */
	char *buf;
	size_t cap;
	size_t n;
};

/* "held in X by host:17; "; what is not plain text is a dot. */
static void
say(struct words *w, const char *what, uint8_t mode, const uint8_t *tag, uint8_t len)
{
	char who[RECORD_TAG + 1];
	int n;

	for (uint8_t i = 0; i < len; i++)
		who[i] = tag[i] >= ' ' && tag[i] < 0x7f ? (char)tag[i] : '.';
	who[len] = '\0';
	n = snprintf(w->buf + w->n, w->cap - w->n, "%s%s in %s by %s", w->n != 0 ? "; " : "", what,
		     lk_modename((lk_mode)mode), len != 0 ? who : "another process");
	w->n = n < 0 || (size_t)n >= w->cap - w->n ? w->cap - 1 : w->n + (size_t)n;
}

static int
tell(void *arg, struct lk_store_record *r, size_t n)
{
	struct words *w = arg;
	struct desk *d = w->d;

	(void)n;
	w->n = 0;
	w->buf[0] = '\0';
	if (r->old_len == 0 ||
	    frozen_decode(&d->old, r->old, r->old_len, d->name + 1, d->name_len - 1) != RECORD_FINE)
		return 0;
	for (uint32_t i = 0; i < d->old.n_holders; i++) {
		const struct record_holder *h = &d->old.holder[i];

		if (!record_id_is(&h->who, &d->me) &&
		    ((mode_conflicts(w->want) & MODE_BIT(h->mode)) != 0 ||
		     (w->units != 0 && h->units != 0)))
			say(w, "held", h->mode, h->tag, h->tag_len);
	}
	for (uint32_t i = 0; i < d->old.n_waiters; i++) {
		const struct record_waiter *q = &d->old.waiter[i];

		if (record_id_is(&q->who, &d->me))
			break;
		if ((mode_conflicts(w->want) & MODE_BIT(q->want)) != 0 ||
		    (w->units != 0 && q->units != 0))
			say(w, "waited for", q->want, q->tag, q->tag_len);
	}
	return 0;
}

void
remote_who(struct remote *m, const struct lk_resource *r, lk_mode want, uint32_t units, char *buf,
	   size_t cap)
{
	struct desk *d = desk_take(m);
	struct words w = { .d = d, .want = want, .units = units, .buf = buf, .cap = cap };
	struct lk_store_record record;

	buf[0] = '\0';
	if (d == NULL)
		return;
	desk_name(d, r);
	record = (struct lk_store_record){ .name = d->name, .len = d->name_len };
	(void)m->store->ops->read(m->store, &record, 1, tell, &w, remote_patience(m));
	desk_leave(m, d);
}

struct look {
	struct desk *d;
	lk_mode held;
	lk_mode want;
	int rc;
};

static bool
conflict(lk_mode a, uint8_t b)
{
	return (mode_conflicts(a) & MODE_BIT(b)) != 0;
}

/* A holder in the way; and if it waits for more, for which we are in its way, neither could ever have it. */
static int
bars_as_holder(const struct look *l, const struct record_holder *h)
{
	const struct record_waiter *q;

	if (record_id_is(&h->who, &l->d->me) || !conflict(l->want, h->mode))
		return 0;
	q = record_waiter_of(&l->d->old, &h->who);
	return q != NULL && conflict(l->held, q->want) ? LK_E_CONVERSION_DEADLOCK : LK_E_BUSY;
}

/* One who waits is passed by who holds what he waits for. */
static bool
bars_as_waiter(const struct look *l, const struct record_waiter *q)
{
	return !record_id_is(&q->who, &l->d->me) && conflict(l->want, q->want) &&
	       !conflict(l->held, q->want);
}

static int
look(void *arg, struct lk_store_record *r, size_t n)
{
	struct look *l = arg;
	struct record *old = &l->d->old;
	enum record_fault fault;

	(void)n;
	l->rc = 0;
	if (r->old_len == 0)
		return 0;
	fault = frozen_decode(old, r->old, r->old_len, l->d->name + 1, l->d->name_len - 1);
	if (fault != RECORD_FINE) {
		l->rc = record_fault_code(fault);
		return 0;
	}
	for (uint32_t i = 0; i < old->n_waiters && l->rc == 0; i++)
		l->rc = bars_as_waiter(l, &old->waiter[i]) ? LK_E_BUSY : 0;
	for (uint32_t i = 0; i < old->n_holders && l->rc != LK_E_CONVERSION_DEADLOCK; i++) {
		const int rc = bars_as_holder(l, &old->holder[i]);

		l->rc = rc != 0 ? rc : l->rc;
	}
	return 0;
}

int
remote_bars(struct remote *m, const struct lk_resource *r, lk_mode held, lk_mode want)
{
	struct desk *d = desk_take(m);
	struct look l = { .d = d, .held = held, .want = want };
	struct lk_store_record record;
	int rc;

	if (d == NULL)
		return LK_E_NOMEM;
	desk_name(d, r);
	record = (struct lk_store_record){ .name = d->name, .len = d->name_len };
	rc = m->store->ops->read(m->store, &record, 1, look, &l, remote_patience(m));
	desk_leave(m, d);
	return rc != 0 ? rc : l.rc;
}
