/* SPDX-License-Identifier: MIT */
/*
 * The store that the managers of a script share: records and sessions of the tester's own.  What it does is one step,
 * and its answer comes in a later one; if the script says so, not at all.  And the one to which its locks move.
 */
#include "base/atomic.h"
#include "record/decide.h"
#include "remote/frozen.h"
#include "stored.h"

struct store {
	struct lk_store s;
	unsigned process; /* or GUEST */
	unsigned place;
	unsigned mover; /* its number; 0: it is none */
};

enum { TRAVEL_NS = 5000, TRAVELS_FAST = 80 };

unsigned stored_opens;

static unsigned
process_of(const struct lk_store *s)
{
	return container_of(s, struct store, s)->process;
}

static unsigned
place_of(const struct lk_store *s)
{
	return container_of(s, struct store, s)->place;
}

/* A mover that was killed does nothing any more, though its fiber runs to its end. */
static bool
is_killed(const struct lk_store *s)
{
	const struct store *at = container_of(s, struct store, s);

	return at->mover != 0 && at->mover <= play.moving.n_killed;
}

/*
 * A question travels, or its answer: others may go on meanwhile.  Once there were many, they do: else a schedule in which
 * two that mind the store have so much to do that nobody else comes to run would go on for ever.
 */
static void
travel(void)
{
	uint32_t seen;

	if (!sched_in_fiber())
		return;
	seen = shim_add(play.abroad.word, 1u, SHIM_SEQ_CST) + 1;
	if (++play.abroad.travels <= TRAVELS_FAST) {
		sched_pass_time(TRAVEL_NS);
		return;
	}
	play.abroad.n_away++;
	(void)sched_sleep((uintptr_t)play.abroad.word, seen, world.now + TRAVEL_NS, true);
	play.abroad.n_away--;
}

/* ---------------------------------------------------------------------- records */

static struct stored *
find(unsigned place, const void *name, size_t len)
{
	for (unsigned i = 0; i < STORED_MAX; i++) {
		struct stored *r = &play.abroad.record[i];

		if (r->place == place && r->len == len && memcmp(r->name, name, len) == 0)
			return r;
	}
	return NULL;
}

static struct stored *
make(unsigned place, const void *name, size_t len)
{
	struct stored *r = find(place, name, len);

	for (unsigned i = 0; r == NULL && i < STORED_MAX; i++) {
		if (play.abroad.record[i].len == 0)
			r = &play.abroad.record[i];
	}
	if (r == NULL || len > sizeof(r->name))
		fail("more records than the tester's store has room for");
	r->place = place;
	r->len = len;
	memcpy(r->name, name, len);
	return r;
}

static bool
decode(struct record *out, const struct stored *s)
{
	return s->n != 0 && s->name[0] == 'n' &&
	       frozen_decode(out, s->bytes, s->n, s->name + 1, s->len - 1) == RECORD_FINE;
}

struct floor
stored_floor(unsigned place)
{
	const struct stored *f = find(place, "f", 1);
	const struct lk_store_record r = { .old = f != NULL ? f->bytes : NULL,
					   .old_len = f != NULL ? f->n : 0 };
	struct floor floor;

	if (!floor_read(&r, &floor))
		fail("the record of the floor is damaged");
	return floor;
}

unsigned
stored_home(void)
{
	if (play.moving.n_movers == 0 || stored_floor(PLACE_OLD).state != FLOOR_GONE)
		return PLACE_OLD;
	return PLACE_NEW;
}

const struct record *
stored_record(const void *name, size_t len)
{
	static struct record record;
	char full[WORD_MAX + 1] = "n";
	const struct stored *s;

	if (len >= WORD_MAX)
		return NULL;
	memcpy(full + 1, name, len);
	s = find(stored_home(), full, len + 1);
	return s != NULL && decode(&record, s) ? &record : NULL;
}

lk_mode
stored_mode(const void *name, size_t len, const struct lk_session_id *id)
{
	const struct record *r = stored_record(name, len);
	uint32_t units;

	return r != NULL ? record_held(r, (const struct record_id *)id, &units) : LK_NL;
}

static void
write_down(struct stored *s, const void *bytes, size_t n)
{
	if (n > sizeof(s->bytes))
		fail("a record is longer than the tester's store has room for");
	memcpy(s->bytes, bytes, n);
	s->n = n;
}

static int
look(unsigned place, struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		const struct stored *s = find(place, r[i].name, r[i].len);

		r[i].status = 0;
		r[i].old = s != NULL && s->n != 0 ? s->bytes : NULL;
		r[i].old_len = s != NULL ? s->n : 0;
		r[i].fresh = NULL;
		r[i].fresh_len = 0;
		r[i].changed = 0;
		r[i].is_quiet = 0;
	}
	return fn(arg, r, n);
}

/* A record that could be read: it is not made anew, and goes only when the floor has its numbers.  (HR1, HR5) */
static void
check_end_of(const struct record *old, const struct lk_store_record *r)
{
	const uint64_t floor = stored_floor(PLACE_OLD).is;

	if ((r->flags & LK_STORE_REPAIR) != 0)
		fail("a record that can be read is made anew (HR5)");
	if (r->fresh_len == 0 && (floor < old->fence || floor < old->generation))
		fail("a record goes, and the floor does not have its numbers (HR1)");
}

/* One record is replaced; what it was and is, is looked at.  False: nothing changed. */
static bool
replace(const struct lk_store *of, struct lk_store_record *r, bool is_answered)
{
	const unsigned process = process_of(of);
	static struct record old;
	static struct record fresh;
	struct stored *s = make(place_of(of), r->name, r->len);
	const bool had = decode(&old, s);

	if (r->changed)
		write_down(s, r->fresh, r->fresh_len);
	if (s->name[0] != 'n' || s->place != PLACE_OLD ||
	    world.current == NULL) /* of locks; and not of managers that close */
		return r->changed != 0;
	if (r->changed && had && process != GUEST)
		check_end_of(&old, r);
	if (r->changed && r->old_len != 0 && !had && decode(&fresh, s))
		abroad_mended(s->name + 1, s->len - 1);
	if (r->changed)
		abroad_check_taken(process, s->name + 1, s->len - 1, had ? &old : NULL,
				   decode(&fresh, s) ? &fresh : NULL);
	if (process != GUEST)
		abroad_check_question(process, s, had ? &old : NULL,
				      decode(&fresh, s) ? &fresh : NULL, is_answered);
	if (r->changed)
		abroad_check_record(s->name + 1, s->len - 1);
	return r->changed != 0;
}

/* It is on its way to the thread that hears, if there is one that is not too slow. */
static void
send_hint(unsigned to, const struct lk_store_record *r)
{
	a32 *word = play.abroad.heard[to].word;
	const unsigned n = play.abroad.heard[to].n;

	if (word == NULL || n == HINTS_MAX || r->len > WORD_MAX)
		return;
	memcpy(play.abroad.heard[to].name[n], r->name, r->len);
	play.abroad.heard[to].len[n] = r->len;
	play.abroad.heard[to].n++;
	shim_add(word, 1u, SHIM_SEQ_CST);
	sched_wake((uintptr_t)word);
}

bool
stored_hear(unsigned process)
{
	char name[WORD_MAX + 1];
	size_t len;

	if (play.abroad.heard[process].n == 0)
		return false;
	play.abroad.heard[process].n--;
	len = play.abroad.heard[process].len[0];
	memcpy(name, play.abroad.heard[process].name[0], len);
	for (unsigned i = 0; i < play.abroad.heard[process].n; i++) {
		play.abroad.heard[process].len[i] = play.abroad.heard[process].len[i + 1];
		memcpy(play.abroad.heard[process].name[i], play.abroad.heard[process].name[i + 1],
		       WORD_MAX);
	}
	if (play.abroad.watch[process].fn != NULL)
		play.abroad.watch[process].fn(play.abroad.watch[process].arg, name, len);
	return true;
}

/* Those who watch are told by whoever has changed it. */
static void
hint(unsigned process, const struct lk_store_record *r)
{
	const unsigned me = (unsigned)(world.current - world.fiber);

	if (!sched_in_fiber() || !play_script->hints)
		return;
	for (unsigned i = 0; i < PROCESSES_MAX; i++) {
		if (i == process || play.abroad.watch[i].fn == NULL)
			continue;
		if (play_script->hints == 2) {
			send_hint(i, r);
			continue;
		}
		play.abroad.guest[me] = i + 1;
		abroad_turn(me);
		play.abroad.watch[i].fn(play.abroad.watch[i].arg, r->name, r->len);
		play.abroad.guest[me] = 0;
		abroad_turn(me);
	}
}

static enum fault
take_fault(const struct lk_store *s)
{
	const unsigned process = process_of(s);

	if (is_killed(s))
		return FAULT_REFUSED;
	if (container_of(s, struct store, s)->mover != 0)
		return moved_fault(container_of(s, struct store, s)->mover);
	if (!sched_in_fiber() || play.abroad.n_faults[process] == 0)
		return FAULT_NONE;
	play.abroad.n_faults[process]--;
	return play.abroad.fault[process];
}

static int
update_once(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	    void *arg)
{
	const enum fault fault = take_fault(s);
	bool is_unheard = fault == FAULT_UNANSWERED;
	const bool quiet = world.quiet;
	unsigned changed = 0;
	int rc;

	if (fault == FAULT_REFUSED || fault == FAULT_UNMADE)
		return fault == FAULT_REFUSED ? LK_E_STORE : LK_E_UNKNOWN;
	world.quiet = true;
	rc = look(place_of(s), r, n, fn, arg);
	if (rc == 0)
		moved_check(place_of(s), container_of(s, struct store, s)->mover, r, n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		changed |= replace(s, &r[i], fault != FAULT_UNANSWERED) ? 1u << i : 0;
	if (changed != 0)
		apart_check();
	is_unheard |= moved_doomed();
	world.quiet = quiet;
	for (size_t i = 0; i < n; i++) {
		if ((changed & 1u << i) != 0 && r[i].is_quiet == 0 && place_of(s) == PLACE_OLD)
			hint(process_of(s), &r[i]);
	}
	return rc == 0 && is_unheard ? LK_E_UNKNOWN : rc;
}

static int
update(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg,
       uint64_t deadline_ns)
{
	int rc;

	(void)deadline_ns;
	travel();
	rc = update_once(s, r, n, fn, arg);
	travel();
	return rc;
}

/* Each by itself, in one exchange; and each as if the answer to it could be lost. */
static void
update_many(struct lk_store *s, struct lk_store_update *u, size_t n, uint64_t deadline_ns)
{
	(void)deadline_ns;
	travel();
	for (size_t i = 0; i < n; i++) {
		u[i].is_left = u[i].n > 1;
		u[i].rc = u[i].is_left ? 0 : update_once(s, u[i].r, u[i].n, u[i].fn, u[i].arg);
	}
	travel();
}

static int
read_records(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	     void *arg, uint64_t deadline_ns)
{
	const bool quiet = world.quiet;
	int rc;

	(void)deadline_ns;
	travel();
	if (is_killed(s))
		return LK_E_STORE;
	world.quiet = true;
	rc = look(place_of(s), r, n, fn, arg);
	world.quiet = quiet;
	travel();
	return rc;
}

static int
scan(struct lk_store *s, const void *prefix, size_t len, lk_store_each_fn *fn, void *arg,
     uint64_t deadline_ns)
{
	int rc = 0;

	(void)deadline_ns;
	for (unsigned i = 0; rc == 0 && i < STORED_MAX; i++) {
		struct stored now;
		struct lk_store_record r = { .name = now.name };

		travel();
		if (is_killed(s))
			return LK_E_STORE;
		now = play.abroad.record[i];
		r.len = now.len;
		r.old = now.bytes;
		r.old_len = now.n;
		if (now.n != 0 && now.place == place_of(s) && now.len >= len &&
		    memcmp(now.name, prefix, len) == 0)
			rc = fn(arg, &r);
	}
	return rc;
}

void
stored_break(const char *name, const struct lk_session_id *id)
{
	static struct record old;
	static struct record fresh;
	static unsigned char bytes[RECORD_BYTES];
	struct decide_request q = { .op = DECIDE_BREAK, .name = name, .name_len = strlen(name) };
	struct decide_view v = { 0 };
	struct decide_outcome out;
	char full[WORD_MAX + 1];
	const struct record *now = stored_record(name, strlen(name));

	if (now == NULL)
		return;
	record_copy(&old, now);
	v.settings = old.settings;
	v.now = world.now;
	v.clock = 1;
	memcpy(&q.target, id, sizeof(q.target));
	if (decide(&old, &q, &v, &fresh, &out) != 0 || !out.changed)
		return;
	(void)snprintf(full, sizeof(full), "n%s", name);
	write_down(find(PLACE_OLD, full, strlen(full)), bytes, record_encode(&fresh, bytes));
}

bool
stored_damage(const char *name)
{
	char full[WORD_MAX + 1];
	struct stored *s;

	(void)snprintf(full, sizeof(full), "n%s", name);
	s = find(PLACE_OLD, full, strlen(full));
	if (s == NULL || s->n == 0)
		return false;
	s->bytes[s->n / 2] ^= 0xff;
	return true;
}

/* --------------------------------------------------------------------- sessions */

static int
session_of(const struct lk_session_id *id)
{
	for (unsigned i = 0; i < play.abroad.n_sessions; i++) {
		if (memcmp(play.abroad.session[i].id.bytes, id->bytes, sizeof(id->bytes)) == 0)
			return (int)i;
	}
	return -1;
}

bool
stored_is_alive(const struct lk_session_id *id)
{
	const int i = session_of(id);

	return i >= 0 && play.abroad.session[i].is_alive &&
	       world.now < play.abroad.session[i].ends_at;
}

static int
session_open(struct lk_store *s, const struct lk_session_id *id, uint64_t ttl_ns, const char *who,
	     uint64_t deadline_ns)
{
	unsigned i;

	(void)who;
	(void)deadline_ns;
	travel();
	i = play.abroad.n_sessions;
	if (is_killed(s) || session_of(id) >= 0)
		return LK_E_INVAL;
	if (i == SESSIONS_MAX)
		fail("more sessions than the tester's store has room for");
	play.abroad.session[i].id = *id;
	play.abroad.session[i].place = place_of(s);
	play.abroad.session[i].mover = container_of(s, struct store, s)->mover;
	play.abroad.session[i].is_alive = true;
	play.abroad.session[i].ttl_ns = ttl_ns;
	play.abroad.session[i].ends_at = play_script->mortal ? world.now + ttl_ns : NEVER;
	play.abroad.n_sessions++;
	return 0;
}

static int
session_renew(struct lk_store *s, const struct lk_session_id *id, uint64_t deadline_ns)
{
	bool is_alive;

	(void)deadline_ns;
	travel();
	is_alive = stored_is_alive(id);
	if (is_killed(s))
		return LK_E_STORE;
	if (is_alive && play_script->mortal)
		play.abroad.session[session_of(id)].ends_at =
			world.now + play.abroad.session[session_of(id)].ttl_ns;
	travel();
	return is_alive ? 0 : LK_E_LOST;
}

static int
session_close(struct lk_store *s, const struct lk_session_id *id, uint64_t deadline_ns)
{
	const int i = session_of(id);

	(void)s;
	(void)deadline_ns;
	travel();
	if (i >= 0)
		play.abroad.session[i].is_alive = false;
	return 0;
}

static int
session_alive(struct lk_store *s, const struct lk_session_id *ids, size_t n, unsigned char *alive,
	      uint64_t deadline_ns)
{
	(void)deadline_ns;
	travel();
	for (size_t i = 0; i < n; i++)
		alive[i] = stored_is_alive(&ids[i]) &&
			   play.abroad.session[session_of(&ids[i])].place == place_of(s);
	travel();
	return 0;
}

static int
session_who(struct lk_store *s, const struct lk_session_id *id, char *buf, size_t cap,
	    uint64_t deadline_ns)
{
	(void)s;
	(void)deadline_ns;
	if (cap != 0)
		buf[0] = '\0';
	return stored_is_alive(id) ? 0 : LK_E_NOENT;
}

/* -------------------------------------------------------------------- the others */

static int
open_store(const struct lk_store_open *o, struct lk_store **out)
{
	struct store *s = region_alloc(sizeof(*s), sizeof(void *));

	if (s == NULL)
		return LK_E_NOMEM;
	s->process = sched_in_fiber() ? (unsigned)GUEST : stored_opens;
	s->place = strcmp(o->rest, "new") == 0 ? PLACE_NEW : PLACE_OLD;
	s->mover = sched_in_fiber() ? play.moving.mover[world.current - world.fiber] : 0;
	*out = &s->s;
	return 0;
}

static void
close_store(struct lk_store *s)
{
	region_free(container_of(s, struct store, s), sizeof(struct store));
}

static int
watch(struct lk_store *s, lk_store_hint_fn *fn, void *arg)
{
	if (process_of(s) == GUEST)
		return LK_E_UNSUPPORTED; /* it looks by itself */
	play.abroad.watch[process_of(s)].fn = fn;
	play.abroad.watch[process_of(s)].arg = arg;
	return 0;
}

static void
unwatch(struct lk_store *s)
{
	if (process_of(s) != GUEST)
		play.abroad.watch[process_of(s)].fn = NULL;
}

static int
now(struct lk_store *s, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns)
{
	(void)s;
	(void)deadline_ns;
	*ns = world.now;
	*clock_id = 1;
	return 0;
}

static int
level(struct lk_store *s, struct lk_guarantee *out)
{
	(void)s;
	out->level = LK_LEVEL_FENCED;
	return 0;
}

static size_t
error(struct lk_store *s, char *buf, size_t cap)
{
	(void)s;
	if (cap != 0)
		buf[0] = '\0';
	return 0;
}

struct lk_store_ops stored_ops = {
	.version = LK_STORE_VERSION,
	.capabilities = LK_STORE_CAN_WATCH | LK_STORE_SEES_DEATH | LK_STORE_HAS_CLOCK |
			LK_STORE_CAN_MANY | LK_STORE_ONE_HOST | LK_STORE_ONE_PROCESS,
	.scheme = "play",
	.open = open_store,
	.close = close_store,
	.update = update,
	.update_many = update_many,
	.read = read_records,
	.scan = scan,
	.session_open = session_open,
	.session_renew = session_renew,
	.session_close = session_close,
	.session_alive = session_alive,
	.session_who = session_who,
	.watch = watch,
	.unwatch = unwatch,
	.now = now,
	.level = level,
	.error = error,
};
