/* SPDX-License-Identifier: MIT */
/* Locked bytes, and the list of those that are ours.  (BE1) */
#include "common/beacons.h"

#include <errno.h>

#include "common/io.h"

struct beacon {
	struct beacon *next;
	struct lk_session_id id;
	uint64_t slot;
};

void
beacons_init(struct beacons *b, const struct place *place)
{
	b->place = place;
	b->fd = -1;
	b->own = NULL;
	pthread_mutex_init(&b->lock, NULL);
}

void
beacons_fini(struct beacons *b, bool is_foreign)
{
	while (b->own != NULL) {
		struct beacon *own = b->own;

		b->own = own->next;
		place_free(b->place, own, sizeof(*own));
	}
	if (!is_foreign)
		pthread_mutex_destroy(&b->lock);
}

/* With the lock. */
static struct beacon *
of_slot(struct beacons *b, uint64_t slot)
{
	struct beacon *own = b->own;

	while (own != NULL && own->slot != slot)
		own = own->next;
	return own;
}

int
beacons_light(struct beacons *b, uint64_t slot, const struct lk_session_id *id)
{
	struct beacon *own = place_zalloc(b->place, sizeof(*own));
	int error = EAGAIN;

	if (own == NULL)
		return ENOMEM;
	own->id = *id;
	own->slot = slot;
	pthread_mutex_lock(&b->lock);
	if (of_slot(b, slot) == NULL)
		error = io_lock(b->fd, BEACON_BYTE(slot), IO_LOCK_EXCLUSIVE);
	if (error == 0) {
		own->next = b->own;
		b->own = own;
	}
	pthread_mutex_unlock(&b->lock);
	if (error != 0)
		place_free(b->place, own, sizeof(*own));
	return error;
}

/* With the lock. */
static struct beacon **
find(struct beacons *b, const struct lk_session_id *id)
{
	struct beacon **at = &b->own;

	while (id != NULL && *at != NULL && memcmp(&(*at)->id, id, sizeof(*id)) != 0)
		at = &(*at)->next;
	return at;
}

bool
beacons_have(struct beacons *b, const struct lk_session_id *id, uint64_t *slot)
{
	struct beacon *own;

	pthread_mutex_lock(&b->lock);
	own = *find(b, id);
	if (own != NULL)
		*slot = own->slot;
	pthread_mutex_unlock(&b->lock);
	return own != NULL;
}

bool
beacons_put_out(struct beacons *b, const struct lk_session_id *id)
{
	struct beacon **at, *own;

	pthread_mutex_lock(&b->lock);
	at = find(b, id);
	own = *at;
	if (own != NULL) {
		*at = own->next;
		(void)io_lock(b->fd, BEACON_BYTE(own->slot), IO_UNLOCK);
	}
	pthread_mutex_unlock(&b->lock);
	place_free(b->place, own, sizeof(struct beacon));
	return own != NULL;
}

int
beacons_is_lit(struct beacons *b, uint64_t slot, bool *is)
{
	int error = 0;

	pthread_mutex_lock(&b->lock);
	*is = of_slot(b, slot) != NULL;
	pthread_mutex_unlock(&b->lock);
	if (!*is)
		error = io_is_locked(b->fd, BEACON_BYTE(slot), 1, is);
	return error;
}
