/* SPDX-License-Identifier: MIT */
/* Slots and beacons.  (SE1 to SE4) */
#include "file/sessions.h"

#include <errno.h>

#include "common/quiet.h"
#include "file/dir.h"
#include "file/store.h"

static bool
is_same(const struct lk_session_id *a, const struct lk_session_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---------------------------------------------------------------- of this opening */

/* With own_lock. */
static struct file_own **
find_own(struct file_store *s, const struct lk_session_id *id)
{
	struct file_own **at = &s->own;

	while (*at != NULL && !is_same(&(*at)->id, id))
		at = &(*at)->next;
	return at;
}

static bool
is_own(struct file_store *s, const struct lk_session_id *id, uint64_t *slot)
{
	struct file_own *own;

	pthread_mutex_lock(&s->own_lock);
	own = *find_own(s, id);
	if (own != NULL)
		*slot = own->slot;
	pthread_mutex_unlock(&s->own_lock);
	return own != NULL;
}

static bool
has_own_slot(struct file_store *s, uint64_t slot)
{
	struct file_own *own;

	pthread_mutex_lock(&s->own_lock);
	own = s->own;
	while (own != NULL && own->slot != slot)
		own = own->next;
	pthread_mutex_unlock(&s->own_lock);
	return own != NULL;
}

/* ----------------------------------------------------------------------- the table */

static int
fail(struct file_store *s, int error)
{
	return file_say(s, LK_E_STORE, "sessions", error);
}

static bool
is_somebody(const struct file_store *s, const struct file_slot *slot, uint64_t number)
{
	return slot->magic == FILE_SESSION_MAGIC && file_slot_is_sealed(slot, number, s->key);
}

static bool
is_nobody(const struct file_store *s, const struct file_slot *slot, uint64_t number)
{
	return slot->magic == FILE_NOBODY_MAGIC && file_slot_is_sealed(slot, number, s->key);
}

static int
read_slot(struct file_store *s, uint64_t number, struct file_slot *slot)
{
	size_t got;
	int error = io_read_some(s->sessions, slot, sizeof(*slot), number * sizeof(*slot), &got);

	if (error != 0)
		return fail(s, error);
	if (got < sizeof(*slot))
		memset(slot, 0, sizeof(*slot));
	return 0;
}

static int
is_lit(struct file_store *s, uint64_t number, uint64_t n, bool *is)
{
	int error = io_is_locked(s->space, FILE_BYTE_BEACON(number), n, is);

	return error == 0 ? 0 : fail(s, error);
}

struct look {
	const struct lk_session_id *ids;
	size_t n;
	unsigned char *alive;
	uint64_t *slots;  /* where they are alive; may be NULL */
	bool is_in_doubt; /* (SE3) */
};

static int
look_at_slot(struct file_store *s, struct look *l, const struct file_slot *slot, uint64_t number)
{
	struct file_slot again;
	bool is = false;
	int rc;

	if (is_nobody(s, slot, number))
		return 0;
	if (!is_somebody(s, slot, number)) {
		rc = has_own_slot(s, number) ? 0 : is_lit(s, number, 1, &is);
		l->is_in_doubt |= is;
		return rc;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (l->alive[i] != 0 || !is_same(&l->ids[i], &slot->id))
			continue;
		rc = is_lit(s, number, 1, &is);
		if (rc == 0)
			rc = read_slot(s, number, &again); /* it may be another's by now */
		if (rc != 0)
			return rc;
		l->alive[i] = is && memcmp(slot, &again, sizeof(again)) == 0;
		if (l->slots != NULL && l->alive[i] != 0)
			l->slots[i] = number;
	}
	return 0;
}

enum { SLOTS_AT_ONCE = 16 };

static int
look_at_table(struct file_store *s, struct look *l)
{
	struct file_slot slots[SLOTS_AT_ONCE];
	uint64_t number = 0;
	size_t got;

	do {
		int error = io_read_some(s->sessions, slots, sizeof(slots),
					 number * sizeof(slots[0]), &got);

		if (error != 0)
			return fail(s, error);
		for (size_t i = 0; i < got / sizeof(slots[0]); i++) {
			int rc = look_at_slot(s, l, &slots[i], number++);

			if (rc != 0)
				return rc;
		}
	} while (got == sizeof(slots));
	return l->is_in_doubt ? 0 : is_lit(s, number, 0, &l->is_in_doubt);
}

static int
look_for(struct file_store *s, struct look *l)
{
	uint64_t slot = 0;
	size_t known = 0;
	int rc;

	for (size_t i = 0; i < l->n; i++) {
		l->alive[i] = is_own(s, &l->ids[i], &slot);
		known += l->alive[i];
		if (l->slots != NULL)
			l->slots[i] = slot;
	}
	if (known == l->n)
		return 0;
	rc = look_at_table(s, l);
	for (size_t i = 0; i < l->n && l->is_in_doubt; i++)
		l->alive[i] = 1; /* (SE3) */
	return rc;
}

int
file_session_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
		   unsigned char *alive, uint64_t deadline_ns)
{
	struct file_store *s = file_store_of(base);
	const struct quiet q = quiet_enter();
	struct look l = { .ids = ids, .n = n, .alive = alive };

	(void)deadline_ns;
	if (fork_note_is_foreign(&s->fork))
		return quiet_leave(q, LK_E_FORKED);
	return quiet_leave(q, look_for(s, &l));
}

int
file_session_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
		 uint64_t deadline_ns)
{
	struct file_store *s = file_store_of(base);
	const struct quiet q = quiet_enter();
	uint64_t number = UINT64_MAX;
	unsigned char alive = 0;
	struct look l = { .ids = id, .n = 1, .alive = &alive, .slots = &number };
	struct file_slot slot;
	int rc;

	(void)deadline_ns;
	if (fork_note_is_foreign(&s->fork))
		return quiet_leave(q, LK_E_FORKED);
	rc = look_for(s, &l);
	if (rc == 0)
		rc = alive != 0 && number != UINT64_MAX ? read_slot(s, number, &slot) : LK_E_NOENT;
	if (rc == 0 && (!is_somebody(s, &slot, number) || !is_same(&slot.id, id)))
		rc = LK_E_NOENT;
	if (cap > 0) {
		const size_t len = rc == 0 ? slot.who_len : 0;
		const size_t n = len < cap ? len : cap - 1;

		memcpy(buf, slot.who, n);
		buf[n] = '\0';
	}
	return quiet_leave(q, rc);
}

/* -------------------------------------------------------------------------- begin */

static int
write_slot(struct file_store *s, uint64_t number, uint64_t magic, const struct lk_session_id *id,
	   const char *who)
{
	struct file_slot slot = { .magic = magic, .number = number };
	size_t len = who != NULL ? strlen(who) : 0;
	int error;

	if (len > LK_STORE_WHO_MAX)
		len = LK_STORE_WHO_MAX;
	if (id != NULL)
		slot.id = *id;
	slot.who_len = (uint32_t)len;
	if (len > 0)
		memcpy(slot.who, who, len);
	file_slot_seal(&slot, s->key);
	error = io_write(s->sessions, &slot, sizeof(slot), number * sizeof(slot));
	return error == 0 ? 0 : fail(s, error);
}

/* The first whose beacon nobody has; it is ours then.  (SE2) */
static int
take_slot(struct file_store *s, uint64_t *number)
{
	for (*number = 0;; ++*number) {
		int error;

		if (has_own_slot(s, *number)) /* our own lock would not be in our way */
			continue;
		error = io_lock(s->space, FILE_BYTE_BEACON(*number), IO_LOCK_EXCLUSIVE);
		if (error != EAGAIN)
			return error == 0 ? 0 : fail(s, error);
	}
}

static int
begin(struct file_store *s, struct file_own *own, const char *who)
{
	unsigned char alive = 0;
	struct look l = { .ids = &own->id, .n = 1, .alive = &alive };
	int rc = file_dir_check(s);

	if (rc != 0)
		return LK_E_STORE;
	rc = look_for(s, &l);
	if (rc == 0 && alive != 0 && !l.is_in_doubt)
		rc = LK_E_INVAL;
	if (rc == 0)
		rc = take_slot(s, &own->slot);
	if (rc != 0)
		return rc;
	rc = write_slot(s, own->slot, FILE_SESSION_MAGIC, &own->id, who);
	if (rc != 0) {
		(void)io_lock(s->space, FILE_BYTE_BEACON(own->slot), IO_UNLOCK);
		return rc;
	}
	pthread_mutex_lock(&s->own_lock);
	own->next = s->own;
	s->own = own;
	pthread_mutex_unlock(&s->own_lock);
	return 0;
}

static int
open_session(struct file_store *s, const struct lk_session_id *id, const char *who,
	     uint64_t deadline_ns)
{
	static const struct lk_session_id none;
	struct file_own *own;
	int rc;

	if (fork_note_is_foreign(&s->fork))
		return LK_E_FORKED;
	if (s->is_read_only)
		return file_complain(s, LK_E_PERM, "", "opened to look only");
	if (is_same(id, &none))
		return LK_E_INVAL;
	own = place_zalloc(&s->place, sizeof(*own));
	if (own == NULL)
		return LK_E_NOMEM;
	own->id = *id;
	rc = file_gate_lock(s, &s->table, IO_LOCK_EXCLUSIVE, deadline_ns);
	if (rc == 0) {
		rc = begin(s, own, who);
		file_gate_unlock(s, &s->table);
	}
	if (rc != 0)
		place_free(&s->place, own, sizeof(*own));
	return rc;
}

int
file_session_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
		  const char *who, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();

	(void)ttl_ns; /* the kernel says who lives */
	return quiet_leave(q, open_session(file_store_of(base), id, who, deadline_ns));
}

/* ------------------------------------------------------------------- renew and end */

/* Nothing is written: what is looked at is whether others still see it. */
static int
renew(struct file_store *s, const struct lk_session_id *id)
{
	struct file_slot slot;
	uint64_t number;
	int rc;

	if (fork_note_is_foreign(&s->fork))
		return LK_E_FORKED;
	if (!is_own(s, id, &number))
		return LK_E_LOST;
	rc = file_dir_check(s);
	if (rc == 0)
		rc = read_slot(s, number, &slot);
	if (rc == 0 && (!is_somebody(s, &slot, number) || !is_same(&slot.id, id)))
		rc = file_complain(s, LK_E_LOST, "sessions", "somebody else wrote there");
	return rc;
}

int
file_session_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();

	(void)deadline_ns;
	return quiet_leave(q, renew(file_store_of(base), id));
}

static struct file_own *
take_out(struct file_store *s, const struct lk_session_id *id)
{
	struct file_own **at, *own;

	pthread_mutex_lock(&s->own_lock);
	at = id != NULL ? find_own(s, id) : &s->own;
	own = *at;
	if (own != NULL)
		*at = own->next;
	pthread_mutex_unlock(&s->own_lock);
	return own;
}

/* Dead as soon as the beacon is out, whether its slot can be written or not. */
static void
end(struct file_store *s, struct file_own *own)
{
	(void)write_slot(s, own->slot, FILE_NOBODY_MAGIC, NULL, NULL);
	(void)io_lock(s->space, FILE_BYTE_BEACON(own->slot), IO_UNLOCK);
	place_free(&s->place, own, sizeof(*own));
}

int
file_session_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	struct file_store *s = file_store_of(base);
	const struct quiet q = quiet_enter();
	struct file_own *own;
	int rc;

	if (fork_note_is_foreign(&s->fork))
		return quiet_leave(q, LK_E_FORKED);
	rc = file_gate_lock(s, &s->table, IO_LOCK_EXCLUSIVE, deadline_ns); /* (SE2) */
	if (rc != 0)
		return quiet_leave(q, rc);
	own = take_out(s, id);
	if (own != NULL)
		end(s, own);
	file_gate_unlock(s, &s->table);
	return quiet_leave(q, 0);
}

void
file_sessions_end(struct file_store *s)
{
	struct file_own *own;

	while ((own = take_out(s, NULL)) != NULL)
		end(s, own);
}
