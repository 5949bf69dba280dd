/* SPDX-License-Identifier: MIT */
/*
 * What must hold of the library's insides: of the word at every step (W1-W4, W6), of words, lines, holds
 * and pins when nobody can go on by himself, and at the end (W4, H2, Q3, Q5, R1, R6).  Slots: seats.c.
 */
#include "core/grant.h"
#include "core/leases.h"
#include "play.h"
#include "wait/composite.h"
#include "wait/inside.h"
#include "wait/watch.h"

enum { ENTRIES_MAX = 128 };

/* What the owners' slots say of one entry. */
struct account {
	struct lk_resource *r;
	uint64_t holds;                   /* as the word should count them, … */
	uint64_t others;                  /* … with those of other processes */
	uint64_t seated[LK_SPREAD_SEATS]; /* … and the slots */
	uint32_t pins;                    /* of children, handles and implied holds */
};

static struct account account[ENTRIES_MAX];
static unsigned n_accounts;

static struct account *
account_of(struct lk_resource *r)
{
	for (unsigned i = 0; i < n_accounts; i++) {
		if (account[i].r == r)
			return &account[i];
	}
	if (n_accounts == ENTRIES_MAX)
		fail("more entries than the tester can look at");
	account[n_accounts] = (struct account){ .r = r };
	return &account[n_accounts++];
}

static const char *
name_of(const struct lk_resource *r)
{
	static char text[WORD_MAX];
	size_t len;
	bool is_id;
	const void *name = resource_name(r, &len, &is_id);

	(void)snprintf(text, sizeof(text), "%.*s", (int)(len < 40 ? len : 40), (const char *)name);
	return text;
}

static void
need_open(const struct latch *l, const char *what)
{
	if (shim_load(&l->word, SHIM_RELAXED) != LATCH_FREE)
		fail("the latch of %s is held by nobody who runs", what);
}

static void
visit_bucket(struct bucket *b)
{
	need_open(&b->latch, "a bucket of the index");
	for (; b != NULL; b = bucket_next(b)) {
		uint64_t tags = shim_load(&b->tags, SHIM_RELAXED);

		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			unsigned before = n_accounts;
			struct lk_resource *r = shim_load(&b->slot[i], SHIM_RELAXED);

			if (!tags_entry(tags, i))
				continue;
			(void)account_of(r);
			if (n_accounts == before)
				fail("an entry stands in two slots of the index");
			if ((shim_load(&r->word, SHIM_RELAXED) & WORD_DEAD) != 0)
				fail("a retired entry stands in the index");
		}
	}
}

static void
check_names(void)
{
	for (unsigned i = 0; i < n_accounts; i++) {
		for (unsigned k = 0; k < i; k++) {
			const struct lk_resource *a = account[i].r;
			const struct lk_resource *b = account[k].r;
			char name[WORD_MAX];

			(void)snprintf(name, sizeof(name), "%s", name_of(a));
			if ((a->ident.v & IDENT_TAIL_MASK) == (b->ident.v & IDENT_TAIL_MASK) &&
			    strcmp(name, name_of(b)) == 0)
				fail("%s has two entries", name);
		}
	}
}

/* What a hold says of the one above it, and, if it counts intents alone, of its counts.  (H12, H2) */
static void
check_head(struct lk_owner *w, const struct hold *s, uint64_t head)
{
	struct lk_resource *r = hold_resource(s);
	const uint64_t counts = shim_load(&s->fence, SHIM_RELAXED);
	const uint32_t above = head_above(head);
	const struct hold *next;

	if ((head & HEAD_INTENT) != 0 &&
	    (counts == 0 || intent_effective(counts) != head_effective(head)))
		fail("a hold on %s is there for intents, and its counts are %llx (H2)", name_of(r),
		     (unsigned long long)counts);
	if (above == ABOVE_UNKNOWN)
		return;
	if ((above == 0) != (resource_parent(r) == NULL))
		fail("a hold on %s says otherwise of its ancestors (H12)", name_of(r));
	if (above == 0)
		return;
	next = hold_at(&w->holds, above - 1);
	head = shim_load(&next->head, SHIM_RELAXED);
	if (head == 0 || (head & (HEAD_REENTRY | HEAD_IMPLIED)) != 0 ||
	    head_above(head) == ABOVE_UNKNOWN || hold_resource(next) != resource_parent(r))
		fail("the hold above that on %s is not where it says (H12)", name_of(r));
}

static void
add_slot(struct lk_owner *w, uint32_t slot)
{
	const struct hold *s = hold_at(&w->holds, slot);
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	unsigned before = n_accounts;
	struct account *a;

	if (head == 0 || (head & HEAD_REENTRY) != 0)
		return;
	a = account_of(hold_resource(s));
	if (n_accounts != before)
		fail("a hold is on an entry that is not in the index");
	if ((head & HEAD_IMPLIED) != 0)
		a->pins++;
	else if ((head & HEAD_SEAT) != 0)
		a->seated[seats_number(w->seat)] += word_modes.add[head_effective(head)];
	else
		a->holds += word_modes.add[head_effective(head)];
	check_head(w, s, head);
}

/* What a request of the owner's pins, and was granted.  (U3) */
static void
add_level(struct lk_owner *w, const struct level *v, bool was_granted, bool was_seated)
{
	struct account *a = account_of(v->r);

	a->pins++;
	if (!was_granted)
		return;
	a->holds += word_modes.add[v->want];
	if (was_seated)
		a->seated[seats_number(w->seat)] -= word_modes.add[v->counted];
	else
		a->holds -= word_modes.add[v->counted];
}

static void
add_owner(struct lk_owner *w, void *arg)
{
	(void)arg;
	need_open(&w->latch, "an owner");
	shared_check(w);
	leased_check(w);
	family_check(w);
	tokens_check(w);
	for (uint32_t i = 0; i < shim_load(&w->holds.n_slots, SHIM_RELAXED); i++)
		add_slot(w, i);
	async_each_level(w, add_level);
	async_check_owner(w);
}

/* The memory of a loss. */
static bool
add_pin_of_lease(void *object, void *arg)
{
	const struct lease *l = object;

	(void)arg;
	if (l->state == LK_LEASE_LOST)
		account_of(l->loss.r)->pins++;
	return true;
}

/* What stands in a word for other processes.  (AB1, AB3) */
static void
add_phantom(struct lk_resource *r, uint64_t others)
{
	struct account *a = account_of(r);

	a->pins++;
	a->others += others;
}

static void
add_pins(void)
{
	unsigned n = n_accounts;

	for (unsigned i = 0; i < n; i++) {
		struct lk_resource *parent = resource_parent(account[i].r);

		if (parent == NULL)
			continue;
		account_of(parent)->pins++;
		if (n_accounts != n)
			fail("%s has a parent that is not in the index", name_of(account[i].r));
	}
	for (unsigned i = 0; i < LABELS_MAX; i++) {
		if (play.handle[i] != NULL && slab_home(play.handle[i]) == play.m)
			account_of(play.handle[i])->pins++;
	}
	slab_each(&play.m->leases, add_pin_of_lease, NULL);
	abroad_each_phantom(add_phantom);
	if (n_accounts != n)
		fail("a handle is, or a loss was, of an entry that is not in the index");
}

static bool
need_found(void *object, void *slab)
{
	if (check_object(slab, (uintptr_t)object) != object)
		fail("the tester does not find an object of a slab by its address");
	return true;
}

/* Else whatever is looked for when a word of theirs changes would be looked for in vain. */
static void
need_all_found(void)
{
	struct slab *slab[] = { &play.m->index.entries, &play.m->owners, &play.m->pending };

	for (unsigned i = 0; i < sizeof(slab) / sizeof(*slab); i++)
		slab_each(slab[i], need_found, slab[i]);
}

static void
take_accounts(void)
{
	struct index *x = &play.m->index;
	uint32_t buckets = (uint32_t)shim_load(&x->shape, SHIM_RELAXED);

	need_all_found();
	n_accounts = 0;
	need_open(&x->grow, "the index");
	need_open(&x->entries.latch, "the slab of entries");
	need_open(&play.m->cache_latch, "the shared cache");
	for (uint32_t i = 0; i < buckets; i++)
		visit_bucket(index_bucket(x, i));
	check_names();
	manager_each_owner(play.m, add_owner, NULL);
	add_pins();
}

/* The bits of a word that count holds. */
static const uint64_t counts = WORD_WAITERS - 1;

/* Could `q` be granted, as far as holders go?  By the rows' own definition, hold by hold. */
static bool
fits(const struct waiter *q, uint64_t word)
{
	uint64_t others = (word & counts) + seats_sum(q->r) - word_modes.add[q->held];

	if ((word & WORD_FREEZE) != 0) /* (W9) */
		return false;
	return (others & word_modes.conflict[q->want]) == 0 && units_are_there(q);
}

/* Parts that fit in their places, of each composite. */
static struct {
	const struct composite *c;
	unsigned n;
} ripe[FIBERS_MAX + LABELS_MAX];

static void
note_ripe(const struct composite *c)
{
	unsigned i = 0;

	while (ripe[i].c != NULL && ripe[i].c != c)
		i++;
	ripe[i].c = c;
	if (++ripe[i].n == c->n_parts)
		fail("a lost wake-up: everybody sleeps, and a batch could have all its names (K2)");
}

static void
check_line(struct lot_bucket *b, struct account *a)
{
	uint64_t word = shim_load(&a->r->word, SHIM_RELAXED);
	mode_set ahead = 0;
	bool units_ahead = false; /* somebody waits for some (SU4) */
	unsigned n = 0;
	struct cds_list_head *node;

	if ((word & counts) != a->holds + a->others)
		fail("the word of %s counts %llx, its holders are %llx, and others %llx (H2)",
		     name_of(a->r), (unsigned long long)(word & counts),
		     (unsigned long long)a->holds, (unsigned long long)a->others);
	seats_check(a->r, a->seated, name_of(a->r));
	units_check(a->r);
	abroad_check_entry(a->r);
	cds_list_for_each(node, &b->waiters)
	{
		const struct waiter *q = container_of(node, struct waiter, node);
		bool kept_back;

		if (q->r != a->r)
			continue;
		n++;
		if (waiter_state(q) != WAITER_WAITING)
			fail("who waits for %s is told otherwise, and in the line (Q3)",
			     name_of(a->r));
		kept_back = (ahead & MODE_BIT(q->want)) != 0 || (units_ahead && q->units.n != 0);
		if (!kept_back && fits(q, word) && q->together != NULL)
			note_ripe(q->together);
		else if (!kept_back && fits(q, word))
			fail("a lost wake-up: everybody sleeps, and waiter %u of %s could have its "
			     "%s",
			     n, name_of(a->r), lk_modename(q->want));
		if (!waiter_holds_back(q))
			continue;
		if (q->together != NULL && q->together->is_shared && (word & WORD_CLOSED) == 0)
			fail("a batch keeps back others from %s, and its line is open (AB6)",
			     name_of(a->r));
		ahead |= mode_conflicts(q->want);
		units_ahead |= q->units.n != 0;
	}
	if ((n > 0 || watch_is_on(b, a->r)) != ((word & WORD_WAITERS) != 0))
		fail("%s has %u waiters, and WAITERS says otherwise (W4)", name_of(a->r), n);
	if ((word & WORD_AWAKE) != 0)
		fail("AWAKE is set of %s, and nobody is awake", name_of(a->r));
}

struct lot_bucket *
check_lot_bucket(const struct lk_resource *r)
{
	return lot_bucket_of(&play.m->lot, r);
}

static void
check_lines(void)
{
	struct lot *l = &play.m->lot;

	for (uint32_t i = 0; i <= l->mask; i++)
		need_open(&l->bucket[i].latch, "a line");
	memset(ripe, 0, sizeof(ripe));
	for (unsigned i = 0; i < n_accounts; i++)
		check_line(check_lot_bucket(account[i].r), &account[i]);
}

void
check_quiescent(void)
{
	if (play.abroad.n_away != 0) /* they can go on */
		return;
	world.quiet = true;
	for (unsigned i = 0; i < abroad_managers(); i++) {
		abroad_look_at(i);
		take_accounts();
		check_lines();
		abroad_check();
		shared_check_timers();
	}
	abroad_look_at(0);
	async_check();
	pooled_check();
	graph_check();
	world.quiet = false;
}

static void
check_free(const struct account *a)
{
	for (unsigned i = 0; i < play_script->n_names; i++) {
		if (play_script->free_at_end[i] && (a->holds != 0 || seats_sum(a->r) != 0) &&
		    strcmp(play_script->name[i], name_of(a->r)) == 0)
			fail("%s is still held at the end", play_script->name[i]);
	}
}

static void
check_end_of_manager(void)
{
	take_accounts();
	check_lines();
	for (unsigned i = 0; i < n_accounts; i++) {
		const struct account *a = &account[i];
		uint32_t pins = shim_load(&a->r->pins, SHIM_RELAXED) & ~PINS_DIED;

		check_free(a);
		if (pins != a->pins)
			fail("%s has %u pins, and %u who need them (R1)", name_of(a->r), pins,
			     a->pins);
	}
}

void
check_end(void)
{
	for (unsigned i = 0; i < abroad_managers(); i++) {
		abroad_look_at(i);
		check_end_of_manager();
	}
}

/* Without a step, so not by slab_each().  (S6) */
void *
check_object(const struct slab *s, uintptr_t at)
{
	for (struct slab_chunk *c = s->chunks; c != NULL; c = c->next) {
		const uintptr_t beyond = at - (uintptr_t)slab_object(s, c, 0);

		if (beyond < (uintptr_t)s->per_chunk * s->object)
			return (void *)(at - beyond % s->object);
	}
	return NULL;
}

/* Is it the word of an entry? */
bool
check_is_entry(uintptr_t at)
{
	const struct lk_resource *r = check_object(&play.m->index.entries, at);

	return r != NULL && at == (uintptr_t)&r->word;
}

const char *
check_counts_broken(uint64_t is)
{
	const uint64_t shared = WORD_IS_MASK | WORD_IX_MASK | WORD_S_MASK;

	if ((is & WORD_X) != 0 && (is & (shared | WORD_U | WORD_SIX)) != 0)
		return "W1";
	if ((is & WORD_SIX) != 0 && (is & (WORD_IX_MASK | WORD_S_MASK | WORD_U)) != 0)
		return "W2";
	if ((is & WORD_U) != 0 && (is & WORD_IX_MASK) != 0)
		return "W2";
	if ((is & WORD_IX_MASK) != 0 && (is & WORD_S_MASK) != 0)
		return "W3";
	return NULL;
}

static const char *
flags_broken(uint64_t was, uint64_t is, bool is_used)
{
	const uint64_t flags = WORD_WAITERS | WORD_AWAKE | WORD_CLOSED;

	if ((is & (WORD_AWAKE | WORD_CLOSED)) != 0 && (is & WORD_WAITERS) == 0)
		return "W4";
	if ((is & (WORD_FAMILY | WORD_SPREAD)) == WORD_FAMILY)
		return "C4";
	if ((is & WORD_SPREAD) != 0 && (is & flags) != 0 &&
	    (is & flags) != (WORD_WAITERS | WORD_CLOSED))
		return "C1";
	if ((is & WORD_DEAD) != 0 && (was & counts) == 0 && (is & (counts | flags)) != 0 &&
	    !is_used)
		return "W6";
	return NULL;
}

/* A closed line is passed under its latch only.  (W5) */
static void
check_closed(const struct lk_resource *r, uint64_t was, uint64_t is)
{
	if ((was & WORD_CLOSED) != 0 && (is & counts) > (was & counts) &&
	    check_lot_bucket(r)->latch.word.v == LATCH_FREE)
		fail("somebody passed a closed line: W5 is broken");
}

struct below {
	const struct lk_resource *above;
	bool found;
};

static void
find_below(struct lk_owner *w, void *arg)
{
	struct below *b = arg;

	for (uint32_t i = 0; i < shim_load(&w->holds.n_slots, SHIM_RELAXED); i++) {
		const struct hold *s = hold_at(&w->holds, i);
		uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (head != 0 && (head & (HEAD_REENTRY | HEAD_IMPLIED)) == 0 &&
		    resource_parent(hold_resource(s)) == b->above)
			b->found = true;
	}
}

void
check_below(const struct lk_resource *r)
{
	struct below b = { r, false };

	if (play.m->index.separator == 0)
		return;
	world.quiet = true;
	manager_each_owner(play.m, find_below, &b);
	world.quiet = false;
	if (b.found)
		fail("what is below a name is held, and the name is not: H6 is broken");
}

void
check_word_written(uintptr_t at, uint64_t was, uint64_t is)
{
	const struct lk_resource *r = (const struct lk_resource *)at;
	const char *broken;

	if (!check_is_entry(at))
		return;
	broken = check_counts_broken(is);
	if (broken == NULL)
		broken = flags_broken(was, is, r->pins.v != 0 || seats_sum(r) != 0);
	if (broken != NULL)
		fail("the word became %llx: %s is broken", (unsigned long long)is, broken);
	check_closed(r, was, is);
	if ((was & counts) != 0 && (is & counts) == 0 && play_has_paths && seats_sum(r) == 0)
		check_below(r);
}
