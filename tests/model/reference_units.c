/* SPDX-License-Identifier: MIT */
/* The reference: units of semaphores, which are grants in IX that say how many they are. */
#include "inside.h"
#include "matrix.h"

static uint32_t
granted(const struct ref_owner *o, const char *name)
{
	return o->given == name ? o->given_units : 0;
}

uint32_t
ref_units_of(const struct ref *m, int owner, const char *name)
{
	uint32_t n = granted(&m->owner[owner], name);

	for (size_t i = 0; i < m->n_grants; i++) {
		if (m->grant[i].owner == owner && m->grant[i].name == name)
			n += m->grant[i].units;
	}
	for (size_t i = 0; i < m->n_claims; i++) {
		if (m->claim[i].owner == owner && m->claim[i].name == name)
			n += m->claim[i].units;
	}
	return n;
}

uint32_t
ref_units_used(const struct ref *m, const char *name)
{
	uint32_t n = 0;

	for (int owner = 0; owner < REF_OWNERS; owner++)
		n += ref_units_of(m, owner, name);
	return n;
}

uint32_t
ref_permits(const struct ref *m, const char *name)
{
	for (size_t i = 0; i < m->n_grants; i++) {
		if (m->grant[i].name == name && m->grant[i].units != 0)
			return m->grant[i].permits;
	}
	for (size_t i = 0; i < m->n_claims; i++) {
		if (m->claim[i].name == name && m->claim[i].units != 0)
			return m->claim[i].permits;
	}
	for (size_t i = 0; i < m->n_waiters; i++) {
		if (m->waiter[i].name == name && m->waiter[i].units != 0)
			return m->waiter[i].permits;
	}
	for (int owner = 0; owner < REF_OWNERS; owner++) {
		if (granted(&m->owner[owner], name) != 0)
			return m->owner[owner].given_permits;
	}
	return 0;
}

int
ref_units_check(const struct ref *m, const struct ref_waiter *w)
{
	const uint32_t permits = ref_permits(m, w->name);

	if (w->units == 0)
		return 0;
	if (permits != 0 && permits != w->permits)
		return LK_E_INVAL;
	return w->has + w->units > w->permits ? LK_E_LIMIT : 0;
}

bool
ref_units_fit(const struct ref *m, const struct ref_waiter *w)
{
	return w->units == 0 || ref_units_used(m, w->name) + w->units <= w->permits;
}

bool
ref_must_wait(const struct ref *m, const struct ref_waiter *w, lk_mode held, uint32_t has)
{
	if (ref_conflict(m, w->want, held))
		return true;
	return w->units != 0 && has != 0 && w->has + w->units + has > w->permits;
}

int
ref_acquire_units(struct ref *m, int owner, const char *name, struct ref_request *q, lk_grant *out)
{
	if (m->closed)
		return LK_E_CLOSED;
	q->units_of = name;
	return ref_acquire(m, owner, name, LK_IX, q, out);
}
