/* SPDX-License-Identifier: MIT */
/*
 * Every record that three sessions can make of a name, with all six modes, by every request in every state, to some
 * depth; then long random ways with priorities.  LK_TEST_SECONDS above 10: to the end.
 */
#include "base/hash.h"
#include "stage.h"

#include <stdlib.h>

enum { SESSIONS = 3, KEY = 64, MODES = LK_X };

/* What of a scene matters for what can happen next: everything but the numbers. */
struct key {
	uint8_t byte[KEY];
};

struct seen {
	struct key *key;
	uint32_t *table; /* number of a scene + 1 */
	struct scene_bytes *scene;
	size_t mask, n, room;
};

/* A scene kept: the record as bytes. */
struct scene_bytes {
	uint8_t *bytes;
	uint32_t len;
	struct ref ref;
};

static struct key
key_of(const struct scene *s)
{
	struct key k;
	size_t n = 0;

	memset(&k, 0, sizeof(k));
	for (int i = 0; i < REF_SESSIONS; i++) {
		const struct record_id id = stage_id(i);
		const struct record_holder *h = record_holder_of(&s->record, &id);

		k.byte[n++] = h != NULL ? h->mode : 0;
		k.byte[n++] = h != NULL ? (uint8_t)(h->flags | (h->fence != 0) << 7) : 0;
	}
	k.byte[n++] = s->record.is_orphaned;
	for (unsigned i = 0; i < s->record.n_waiters; i++) {
		k.byte[n++] = s->record.waiter[i].who.byte[0];
		k.byte[n++] = s->record.waiter[i].want;
	}
	return k;
}

static void
seen_grow(struct seen *all)
{
	const size_t slots = all->mask == 0 ? 1024 : (all->mask + 1) * 2;

	free(all->table);
	all->table = calloc(slots, sizeof(all->table[0]));
	all->room = slots / 2;
	all->key = realloc(all->key, all->room * sizeof(all->key[0]));
	all->scene = realloc(all->scene, all->room * sizeof(all->scene[0]));
	cr_assert(all->table != NULL && all->key != NULL && all->scene != NULL);
	all->mask = slots - 1;
	for (size_t i = 0; i < all->n; i++) {
		size_t at = hash_bytes(&all->key[i], KEY, 0) & all->mask;

		while (all->table[at] != 0)
			at = (at + 1) & all->mask;
		all->table[at] = (uint32_t)i + 1;
	}
}

static void
keep_scene(struct scene_bytes *to, const struct scene *s)
{
	static uint8_t bytes[RECORD_BYTES];

	to->len = (uint32_t)record_encode(&s->record, bytes);
	to->bytes = malloc(to->len);
	cr_assert_not_null(to->bytes);
	memcpy(to->bytes, bytes, to->len);
	to->ref = s->ref;
}

/* Keep a scene that is new. */
static void
seen_add(struct seen *all, const struct scene *s)
{
	const struct key k = key_of(s);
	size_t at;

	if (all->n == all->room)
		seen_grow(all);
	at = hash_bytes(&k, KEY, 0) & all->mask;
	for (; all->table[at] != 0; at = (at + 1) & all->mask) {
		if (memcmp(&all->key[all->table[at] - 1], &k, KEY) == 0)
			return;
	}
	all->key[all->n] = k;
	keep_scene(&all->scene[all->n], s);
	all->table[at] = (uint32_t)++all->n;
}

static void
seen_free(struct seen *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->scene[i].bytes);
	free(all->scene);
	free(all->key);
	free(all->table);
}

/* Number `n` of all that a session can ask; false: there are not so many. */
static bool
nth_ask(unsigned n, struct ref_ask *a, int *dead)
{
	static const enum decide_op simple[] = { DECIDE_RELEASE, DECIDE_CANCEL, DECIDE_POLL,
						 DECIDE_BREAK, DECIDE_RESERVE };

	*a = (struct ref_ask){ .op = DECIDE_SWEEP, .who = (int)(n % SESSIONS) };
	*dead = -1;
	n /= SESSIONS;
	if (n < 2 * MODES || n - 2 * MODES < 2 * MODES) {
		a->op = n < 2 * MODES ? DECIDE_ACQUIRE : DECIDE_CONVERT;
		a->mode = (lk_mode)(n % MODES + 1);
		a->wait = n / MODES % 2 == 0;
		return true;
	}
	n -= 4 * MODES;
	if (n < MODES * (MODES + 1)) {
		a->op = DECIDE_GIVE_AND_WAIT;
		a->want = (lk_mode)(n % MODES + 1);
		a->mode = (lk_mode)(n / MODES);
		return true;
	}
	n -= MODES * (MODES + 1);
	if (n < countof(simple)) {
		a->op = simple[n];
		return true;
	}
	*dead = a->who;
	a->who = (a->who + 1) % SESSIONS;
	return n == countof(simple);
}

/* May it say that nobody was told, or that it has not heard? */
static bool
may_tell(const struct ref_ask *a)
{
	return a->op == DECIDE_CONVERT || a->op == DECIDE_RELEASE || a->op == DECIDE_GIVE_AND_WAIT;
}

/* All steps from one scene. */
static void
step_from(struct seen *all, size_t i, uint64_t depth, uint64_t *requests)
{
	static struct scene from, to;
	struct ref_ask a;
	int dead;

	from.ref = all->scene[i].ref;
	from.is_there = depth > 0;
	cr_assert_eq(record_decode(&from.record, all->scene[i].bytes, all->scene[i].len, stage_name,
				   STAGE_NAME),
		     RECORD_FINE);
	stage_drain(&from);
	for (unsigned n = 0; nth_ask(n, &a, &dead); n++) {
		++*requests;
		a.request = a.op == DECIDE_CANCEL || a.op == DECIDE_POLL ? 0 : *requests;
		for (unsigned tells = 0; tells < (may_tell(&a) ? 4u : 1u); tells++) {
			a.untold = (tells & 1) != 0;
			a.unheard = (tells & 2) != 0;
			if (stage_step(&from, &a, dead, 10 * (depth + 1), &to))
				seen_add(all, &to);
		}
	}
}

static size_t
explore(unsigned depth, size_t *last)
{
	static struct scene start;
	struct seen all = { 0 };
	uint64_t requests = 0;
	size_t i = 0;

	memset(&start, 0, sizeof(start));
	record_init(&start.record, stage_name, STAGE_NAME);
	start.ref.fence = start.record.fence = stage_view(0).floor;
	start.record.generation = start.record.fence;
	start.record.settings = stage_view(0).settings;
	start.record.clock = stage_view(0).clock;
	seen_add(&all, &start);
	for (unsigned d = 0; d < depth; d++) {
		const size_t end = all.n;

		*last = all.n;
		for (; i < end; i++)
			step_from(&all, i, d, &requests);
		if (all.n == end)
			break;
	}
	printf("%zu records, %llu requests\n", all.n, (unsigned long long)requests);
	i = all.n;
	seen_free(&all);
	return i;
}

#ifdef LK_SANITIZE
enum { DEPTH = 3, LEAST = 500 }; /* the next takes ten times as long */
#else
enum { DEPTH = 4, LEAST = 1000 };
#endif

Test(explore, every_record_of_three_sessions, .timeout = 3600)
{
	size_t last = 0;
	size_t n = explore(test_seconds(1) > 10 ? 1000 : DEPTH, &last);

	cr_expect_gt(n, (size_t)LEAST);
}

/* Who brings a value along had the name in a mode that writes. */
static bool
has_written(struct ref *r, int who)
{
	const struct ref_hold *h = ref_hold_of(r, who);

	return h != NULL && (h->mode == LK_U || h->mode == LK_SIX || h->mode == LK_X);
}

/* Long ways, of four sessions, with priorities, values, and deaths that are found on the way. */
static void
random_way(uint64_t seed, unsigned steps)
{
	static const enum decide_op ops[] = { DECIDE_ACQUIRE, DECIDE_ACQUIRE,       DECIDE_ACQUIRE,
					      DECIDE_CONVERT, DECIDE_GIVE_AND_WAIT, DECIDE_RELEASE,
					      DECIDE_CANCEL,  DECIDE_POLL,          DECIDE_BREAK,
					      DECIDE_RESERVE, DECIDE_VALUE_WRITE,   DECIDE_SWEEP };
	static struct scene s, next;
	uint64_t values = ~seed;

	memset(&s, 0, sizeof(s));
	s.ref.fence = stage_view(0).floor;
	for (unsigned i = 0; i < steps; i++) {
		struct ref_ask a = { .op = ops[test_random(&seed) % countof(ops)] };
		int dead = test_random(&seed) % 16 == 0 ? (int)(test_random(&seed) % REF_SESSIONS)
							: -1;

		a.who = (int)(test_random(&seed) % REF_SESSIONS);
		a.request = i + 1;
		a.mode = (lk_mode)(test_random(&seed) % MODES + 1);
		a.want = (lk_mode)(test_random(&seed) % MODES + 1);
		if (a.op == DECIDE_GIVE_AND_WAIT && test_random(&seed) % 2 == 0)
			a.mode = LK_NL;
		a.wait = test_random(&seed) % 4 != 0 &&
			 (a.op == DECIDE_ACQUIRE || a.op == DECIDE_CONVERT);
		a.priority = (int)(test_random(&seed) % 3);
		a.untold = may_tell(&a) && test_random(&seed) % 4 == 0;
		a.unheard = may_tell(&a) && test_random(&seed) % 4 == 0;
		if (a.op == DECIDE_CANCEL || a.op == DECIDE_POLL)
			a.request = 0;
		if (a.request != 0 && has_written(&s.ref, a.who) && test_random(&values) % 4 == 0) {
			a.brings = (s.ref.version != 0 ? s.ref.version : s.ref.fence) +
				   test_random(&values) % 3;
			a.brings_invalid = test_random(&values) % 3 == 0;
		}
		if (dead == a.who)
			dead = -1;

		if (stage_step(&s, &a, dead, 10 * (i + 1), &next))
			s = next;
	}
	if (s.is_there)
		stage_drain(&s);
}

Test(explore, long_random_ways, .timeout = 3600)
{
	const uint64_t end = test_now() + (uint64_t)(test_seconds(1) * 1e9);
	uint64_t n = 0;

	while (n < 20 || test_now() < end) {
		random_way(0x5eed + n, 300);
		n++;
	}
	printf("%llu ways\n", (unsigned long long)n);
}
