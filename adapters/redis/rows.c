/* SPDX-License-Identifier: MIT */
/*
 * An update: what was seen last is guessed to be there still; the function says what becomes of it; a script writes that if
 * it is so, else it says what is there, and so again.  (RD1, RD2, RD3)
 */
#include "redis/rows.h"

#include "common/quiet.h"
#include "common/records.h"
#include "redis/change.h"
#include "redis/keys.h"

/* Others were faster: so long at first, and so long at most, until we try again. */
enum { NAP_NS = 50000, NAP_MOST_NS = 4000000 };

/* ------------------------------------------------------------------- what was seen */

bool
change_keys(struct change *c)
{
	struct arena *a = &c->ask->arena;
	const struct redis_store *s = c->ask->s;

	c->seen = arena_alloc(a, c->n * sizeof(*c->seen));
	c->keys = arena_alloc(a, c->n * sizeof(*c->keys));
	c->key_len = arena_alloc(a, c->n * sizeof(*c->key_len));
	if (c->seen == NULL || c->keys == NULL || c->key_len == NULL)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		char *key = arena_alloc(a, s->prefix_len + 1 + c->r[i].len);

		if (key == NULL)
			return false;
		c->key_len[i] = key_of(s, 'r', c->r[i].name, c->r[i].len, key);
		c->keys[i] = key;
	}
	return true;
}

int
change_take(struct change *c, const redisReply *gone, redisReply *const *element)
{
	if (gone->type != REDIS_REPLY_STRING || gone->len >= sizeof(c->seen[0].gone))
		return ask_complain(c->ask);
	for (size_t i = 0; i < c->n; i++) {
		const redisReply *one = element[i];
		struct seen *seen = &c->seen[i];

		*seen = (struct seen){ .is_alien = one->type == REDIS_REPLY_INTEGER };
		if (one->type == REDIS_REPLY_STRING && one->len == 0) {
			seen->is_alien = true; /* we never write that */
		} else if (one->type == REDIS_REPLY_STRING) {
			seen->value = one->str;
			seen->len = one->len;
		} else {
			memcpy(seen->gone, gone->str, gone->len);
		}
	}
	c->is_guess = false;
	return 0;
}

/* The records of an answer of READ, or of a WRITE that came too late.  They stay until the next question. */
static int
take_all(struct change *c)
{
	const redisReply *all = c->ask->reply;

	if (all->type != REDIS_REPLY_ARRAY || all->elements != c->n + 1)
		return ask_complain(c->ask);
	return change_take(c, all->element[0], all->element + 1);
}

void
change_remember(struct change *c, size_t i)
{
	const struct seen *seen = &c->seen[i];
	struct cache *cache = &c->ask->s->cache;

	if (seen->is_alien)
		cache_forget(cache, c->r[i].name, c->r[i].len);
	else
		cache_put(cache, c->r[i].name, c->r[i].len, seen->value != NULL ? seen->value : "",
			  seen->len, "", 0, seen->gone);
}

static int
read_once(struct change *c)
{
	char epoch[KEY_SHORT], gone[KEY_SHORT];
	struct command q;

	if (!command_begin(&q, c->round, c->n + 6))
		return LK_E_NOMEM;
	key_short(c->ask->s, 'e', epoch);
	key_short(c->ask->s, 'g', gone);
	q.n = 2;
	if (!command_number(&q, c->round, c->n + 2))
		return LK_E_NOMEM;
	command_say(&q, epoch);
	command_say(&q, gone);
	for (size_t i = 0; i < c->n; i++)
		command_add(&q, c->keys[i], c->key_len[i]);
	command_say(&q, c->ask->epoch);
	return ask_script(c->ask, SCRIPT_READ, &q);
}

static int
read_all(struct change *c)
{
	int rc;

	while ((rc = read_once(c)) == ASK_OTHER_EPOCH) {
		rc = ask_next_epoch(c->ask, false);
		if (rc != 0)
			return rc;
	}
	return rc == 0 ? take_all(c) : rc;
}

/* What was guessed is told by the hint in whose function we are asked.  (RH3) */
static bool
is_heard(const struct change *c)
{
	return c->n == 1 && c->seen[0].is_heard &&
	       hints_are_about(c->ask->s, c->r[0].name, c->r[0].len);
}

/* All of them are known from before, or else they are read. */
static int
see(struct change *c, bool may_guess)
{
	c->is_guess = may_guess;
	for (size_t i = 0; i < c->n && c->is_guess; i++)
		c->is_guess = cache_get(&c->ask->s->cache, c->r[i].name, c->r[i].len, c->round,
					&c->seen[i]);
	return c->is_guess ? 0 : read_all(c);
}

int
change_show(struct change *c, bool repairs)
{
	int rc = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct seen *seen = &c->seen[i];
		struct lk_store_record *r = &c->r[i];
		const bool is_there = seen->value != NULL && seen->len > STORE_VERSION;

		r->old = is_there ? seen->value + STORE_VERSION : NULL;
		r->old_len = is_there ? seen->len - STORE_VERSION : 0;
		r->status = 0;
		if (seen->is_alien || (seen->value != NULL && !is_there)) {
			r->status = LK_E_CORRUPT;
			if (!repairs || (r->flags & LK_STORE_REPAIR) == 0)
				rc = LK_E_CORRUPT;
		}
	}
	return rc == 0 ? 0 : store_complain(c->ask->s, rc, "a record is damaged");
}

/* -------------------------------------------------------------------------- writing */

void
change_version(struct redis_store *s, char version[STORE_VERSION])
{
	const uint64_t number =
		atomic_fetch_add_explicit(&s->last_version, 1, memory_order_relaxed);

	memcpy(version, s->opening, sizeof(s->opening));
	memcpy(version + sizeof(s->opening), &number, sizeof(number));
}

char *
change_letters(struct change *c)
{
	char *letters = arena_alloc(c->round, c->n + 1);

	if (letters == NULL)
		return NULL;
	for (size_t i = 0; i < c->n; i++) {
		const struct lk_store_record *r = &c->r[i];
		const char *pair = r->fresh_len == 0 ? "dD" : "sS";

		letters[i] = r->changed == 0 ? 'k' : pair[r->is_quiet != 0];
	}
	letters[c->n] = '\0';
	return letters;
}

const char *
change_value(struct change *c, size_t i, const char version[STORE_VERSION], size_t *len)
{
	const struct lk_store_record *r = &c->r[i];
	char *value;

	*len = 0;
	if (r->changed == 0 || r->fresh_len == 0)
		return "";
	*len = STORE_VERSION + r->fresh_len;
	value = arena_alloc(c->round, *len);
	if (value == NULL)
		return NULL;
	memcpy(value, version, STORE_VERSION);
	memcpy(value + STORE_VERSION, r->fresh, r->fresh_len);
	return value;
}

void
change_was(struct command *q, const struct seen *seen)
{
	if (seen->is_alien)
		command_add(q, "!", 1);
	else
		command_add(q, seen->value != NULL ? seen->value : "",
			    seen->len < STORE_VERSION ? seen->len : STORE_VERSION);
}

const char *
change_gone(const struct change *c)
{
	const char *gone = NULL;

	for (size_t i = 0; i < c->n; i++) {
		const struct seen *seen = &c->seen[i];

		if (seen->value != NULL || seen->is_alien)
			continue;
		if (gone != NULL && strcmp(gone, seen->gone) != 0)
			return "-"; /* guesses of different times: they cannot be right together */
		gone = seen->gone;
	}
	return gone != NULL ? gone : "";
}

static int
write_once(struct change *c, const char version[STORE_VERSION])
{
	struct redis_store *s = c->ask->s;
	char epoch[KEY_SHORT], gone[KEY_SHORT], channel[KEY_SHORT];
	struct command q;
	char *letters = change_letters(c);

	if (letters == NULL || !command_begin(&q, c->round, 3 * c->n + 9))
		return LK_E_NOMEM;
	key_short(s, 'e', epoch);
	key_short(s, 'g', gone);
	key_short(s, 'h', channel);
	q.n = 2;
	if (!command_number(&q, c->round, c->n + 2))
		return LK_E_NOMEM;
	command_say(&q, epoch);
	command_say(&q, gone);
	for (size_t i = 0; i < c->n; i++)
		command_add(&q, c->keys[i], c->key_len[i]);
	command_say(&q, c->ask->epoch);
	command_say(&q, letters);
	command_say(&q, change_gone(c));
	command_say(&q, channel);
	for (size_t i = 0; i < c->n; i++) {
		size_t len;
		const char *value = change_value(c, i, version, &len);

		if (value == NULL)
			return LK_E_NOMEM;
		change_was(&q, &c->seen[i]);
		command_add(&q, value, len);
	}
	return ask_script(c->ask, SCRIPT_WRITE, &q);
}

void
change_is_written(struct change *c, const char version[STORE_VERSION], long long removals)
{
	char gone[DECIMAL_MOST + 1];

	gone[decimal_put(gone, removals > 0 ? (size_t)removals : 0)] = '\0';
	for (size_t i = 0; i < c->n; i++) {
		const struct lk_store_record *r = &c->r[i];

		if (r->changed == 0)
			change_remember(c, i);
		else if (r->fresh_len != 0)
			cache_put(&c->ask->s->cache, r->name, r->len, version, STORE_VERSION,
				  r->fresh, r->fresh_len, "");
		else if (removals > 0)
			cache_put(&c->ask->s->cache, r->name, r->len, "", 0, "", 0, gone);
		else
			cache_forget(&c->ask->s->cache, r->name, r->len);
	}
}

bool
change_is_ours(const struct change *c, const char version[STORE_VERSION])
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->r[i].changed != 0 && c->r[i].fresh_len != 0 && c->seen[i].value != NULL &&
		    c->seen[i].len > STORE_VERSION &&
		    memcmp(c->seen[i].value, version, STORE_VERSION) == 0)
			return true;
	}
	return false;
}

enum { LATE = 2 }; /* others were faster, and `seen` is what they wrote */

static int
write_all(struct change *c)
{
	char version[STORE_VERSION];
	int rc;

	change_version(c->ask->s, version);
	rc = write_once(c, version);
	if (rc != 0) {
		for (size_t i = 0; i < c->n && rc == LK_E_UNKNOWN; i++)
			cache_forget(&c->ask->s->cache, c->r[i].name, c->r[i].len);
		return rc;
	}
	if (c->ask->reply->type == REDIS_REPLY_INTEGER) {
		change_is_written(c, version, c->ask->reply->integer);
		return 0;
	}
	rc = take_all(c);
	if (rc != 0 || !c->ask->perhaps)
		return rc != 0 ? rc : LATE;
	if (change_is_ours(c, version)) {
		rc = ask_assure(c->ask);
		if (rc == 0)
			change_is_written(c, version, 0);
		return rc;
	}
	for (size_t i = 0; i < c->n; i++)
		change_remember(c, i);
	return store_complain(c->ask->s, LK_E_UNKNOWN,
			      "an answer was lost, and others have written since");
}

/* --------------------------------------------------------------------------- rounds */

/* With what was seen.  LATE, ASK_OTHER_EPOCH: again. */
static int
do_round(struct change *c, bool *is_told)
{
	int rc = change_show(c, true);

	*is_told = rc != 0;
	if (rc != 0)
		return rc;
	rc = records_change(c->r, c->n, c->fn, c->arg);
	*is_told = rc != 0 || !records_are_changed(c->r, c->n);
	return *is_told ? rc : write_all(c);
}

/* Until `ns` are over, or a part of that, by chance; no longer than the deadline. */
static void
nap(const struct change *c, uint64_t ns)
{
	const struct place *p = &c->ask->s->place;
	const uint64_t now = place_now(p);
	const uint64_t end = now + ns / 2 + place_random(p) % (ns / 2);
	const uint64_t until = end < c->ask->deadline_ns ? end : c->ask->deadline_ns;

	while (place_now(p) < until)
		place_nap(p, until);
}

/* … then that it changes nothing is an answer. */
static bool
is_answered(const struct change *c, int rc)
{
	return rc == 0 && is_heard(c);
}

/* It is another store: nothing that was seen counts. */
static int
see_anew(struct change *c)
{
	const int rc = ask_next_epoch(c->ask, false);

	return rc == 0 ? read_all(c) : rc;
}

static int
update_in_rounds(struct change *c)
{
	uint64_t nap_ns = NAP_NS;
	bool is_told;
	int rc = see(c, true);

	while (rc == 0) {
		const bool was_guess = c->is_guess;

		if (!was_guess) { /* what was seen is in the answer */
			arena_fini(c->round);
			arena_init(c->round, &c->ask->s->place);
		}
		rc = do_round(c, &is_told);
		if (is_told && was_guess && !is_answered(c, rc)) { /* a guess is no answer */
			rc = see(c, false);
			continue;
		}
		if (is_told || (rc != LATE && rc != ASK_OTHER_EPOCH))
			return rc;
		if (place_now(&c->ask->s->place) >= c->ask->deadline_ns)
			return store_complain(c->ask->s, LK_E_TIMEDOUT, "others were faster");
		if (rc == LATE && !was_guess) {
			nap(c, nap_ns);
			nap_ns = nap_ns < NAP_MOST_NS ? nap_ns * 2 : nap_ns;
		}
		rc = rc == LATE ? 0 : see_anew(c);
	}
	return rc;
}

static int
update(struct change *c, uint64_t deadline_ns)
{
	struct redis_store *s = c->ask->s;
	struct arena round;
	int rc;

	if (s->is_read_only)
		return store_complain(s, LK_E_PERM, "opened to look only");
	rc = ask_begin(c->ask, s, deadline_ns);
	if (rc != 0)
		return rc;
	arena_init(&round, &s->place);
	c->round = &round;
	rc = change_keys(c) ? update_in_rounds(c) : LK_E_NOMEM;
	arena_fini(&round);
	if ((rc == LK_E_STORE || rc == LK_E_TIMEDOUT) && ask_is_in_doubt(c->ask))
		rc = LK_E_UNKNOWN; /* this one is not written, but what is tried again here may be (RD8) */
	return ask_end(c->ask, rc);
}

int
rows_update(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	    void *arg, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct ask ask;
	struct change c = { .ask = &ask, .r = r, .n = n, .fn = fn, .arg = arg };
	int rc = records_check(r, n);

	c.ask->s = redis_store_of(base);
	if (rc == 0 && fn == NULL)
		rc = LK_E_INVAL;
	if (rc == 0) {
		rc = update(&c, deadline_ns);
		records_end(r, n);
	}
	return quiet_leave(q, rc);
}

/* ------------------------------------------------------------------------------ read */

/* What a hint has told is the answer, if that will do, and may be one.  (RH3) */
static bool
has_heard(struct change *c)
{
	return c->n == 1 && (c->r[0].flags & LK_STORE_HEARD) != 0 &&
	       cache_get(&c->ask->s->cache, c->r[0].name, c->r[0].len, c->round, &c->seen[0]) &&
	       c->seen[0].is_heard;
}

static int
look(struct change *c)
{
	int damage, rc;

	if (has_heard(c)) {
		damage = change_show(c, false);
		rc = c->fn(c->arg, c->r, c->n);
		return rc != 0 ? rc : damage;
	}
	rc = read_all(c);
	if (rc != 0)
		return rc;
	damage = change_show(c, false);
	for (size_t i = 0; i < c->n; i++)
		change_remember(c, i);
	rc = c->fn(c->arg, c->r, c->n);
	return rc != 0 ? rc : damage;
}

int
rows_read(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	  void *arg, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct ask ask;
	struct change c = { .ask = &ask, .r = r, .n = n, .fn = fn, .arg = arg };
	int rc = records_check(r, n);

	if (rc == 0 && fn == NULL)
		rc = LK_E_INVAL;
	if (rc == 0)
		rc = ask_begin(c.ask, redis_store_of(base), deadline_ns);
	if (rc == 0) {
		c.round = &c.ask->arena;
		rc = ask_end(c.ask, change_keys(&c) ? look(&c) : LK_E_NOMEM);
		records_end(r, n);
	}
	return quiet_leave(q, rc);
}
