/* SPDX-License-Identifier: MIT */
/*
 * The memory model: what a load may return, what happens before what, and races on plain data.
 *
 * Each shared word (a place) keeps its last values, each with what its writer knew.  A fiber has a view:
 * of each word the oldest value that it may still read.  An acquiring load takes over what the releasing
 * store's writer had seen.  Read-modify-writes read the newest value.  Stores are seen in the order in
 * which they are made; a load is never made earlier than it is asked for.
 */
#include "search.h"
#include "world.h"

enum { POOL = 8 << 20, PLAIN_MAX = 1024 };

/* One value of a word. */
struct message {
	uint64_t value;
	bool releases;
	uint32_t clock[FIBERS_MAX]; /* if it releases */
	const uint16_t *oldest; /* … and the model is weak: what the writer might still read */
	unsigned n_oldest;
};

struct place {
	uintptr_t at;
	unsigned newest;   /* number of its newest value */
	unsigned floor;    /* nobody may read an older one */
	unsigned last_seq; /* … nor a seq_cst load than this, the last that was stored so */
	struct message message[HISTORY];
};

/* Data that no shim operation orders. */
struct plain {
	uintptr_t at;
	unsigned writer; /* + 1; 0: none */
	uint32_t written;
	uint32_t read[FIBERS_MAX];
};

/* What a fiber knows: of each fiber how far it has come, of each place the oldest value it may read. */
struct view {
	uint32_t clock[FIBERS_MAX];
	uint16_t oldest[PLACES_MAX];
};

static struct view views[FIBERS_MAX];
static struct place places[PLACES_MAX];
static unsigned n_places;
static uint16_t place_number[GRAINS]; /* + 1 */
static struct plain plains[PLAIN_MAX];
static unsigned n_plains;
static uint16_t plain_number[GRAINS]; /* + 1 */
static char pool[POOL];
static size_t pool_used;

void
memory_reset(void)
{
	for (unsigned i = 0; i < n_places; i++)
		place_number[grain_of(places[i].at)] = 0;
	for (unsigned i = 0; i < n_plains; i++)
		plain_number[grain_of(plains[i].at)] = 0;
	for (unsigned i = 0; i < FIBERS_MAX; i++) {
		memset(views[i].clock, 0, sizeof(views[i].clock));
		memset(views[i].oldest, 0, n_places * sizeof(views[i].oldest[0]));
		views[i].clock[i] = 1;
	}
	n_places = 0;
	n_plains = 0;
	pool_used = 0;
}

static unsigned
me(void)
{
	return (unsigned)(world.current - world.fiber);
}

static struct view *
my_view(void)
{
	return &views[me()];
}

void
memory_all_fresh(void)
{
	for (unsigned i = 0; i < world.n_fibers; i++) {
		for (unsigned k = 0; k < n_places; k++)
			views[i].oldest[k] = (uint16_t)places[k].newest;
	}
}

static uint64_t
peek(const struct model_call *c)
{
	return c->size == 4 ? *(const uint32_t *)c->at : *(const uint64_t *)c->at;
}

static void
poke(const struct model_call *c, uint64_t x)
{
	if (c->size == 4)
		*(uint32_t *)c->at = (uint32_t)x;
	else
		*(uint64_t *)c->at = x;
}

static void
check_memory(uintptr_t at, unsigned size, const char *by)
{
	const char *fault = region_fault(at, size);

	if (fault != NULL)
		fail("%s() touches %s", by, fault);
}

/* Not one of the world's words while fibers run: the tester's own, or a pointer that was read too early. */
static bool
is_foreign(const struct model_call *c)
{
	if (sched_in_fiber() && in_region((uintptr_t)c->at))
		return false;
	if ((uintptr_t)c->at < REGION_SIZE)
		fail("%s() goes to where a NULL pointer leads", c->by);
	return true;
}

static struct message *
newest_of(struct place *p)
{
	return &p->message[p->newest % HISTORY];
}

/* The place of a word; what plain stores made of it (new memory, a new frame) is its only value then. */
static struct place *
place_of(const struct model_call *c)
{
	uintptr_t at = (uintptr_t)c->at;
	uint16_t *number = &place_number[grain_of(at)];
	struct place *p;

	if (*number == 0) {
		if (n_places == PLACES_MAX)
			fail("the script touches too many words for this tester");
		p = &places[n_places++];
		*number = (uint16_t)n_places;
		p->at = at;
		p->newest = p->floor = p->last_seq = 0;
		p->message[0] = (struct message){ .value = peek(c) };
		return p;
	}
	p = &places[*number - 1];
	if (newest_of(p)->value != peek(c)) {
		p->floor = ++p->newest;
		*newest_of(p) = (struct message){ .value = peek(c) };
	}
	return p;
}

static bool
acquires(enum shim_order order)
{
	return order == SHIM_ACQUIRE || order >= SHIM_ACQ_REL;
}

static bool
releases(enum shim_order order)
{
	return order >= SHIM_RELEASE;
}

static void
join(uint32_t *to, const uint32_t *from)
{
	for (unsigned i = 0; i < FIBERS_MAX; i++)
		to[i] = from[i] > to[i] ? from[i] : to[i];
}

static void
acquire(const struct message *m)
{
	struct view *v = my_view();

	if (!m->releases)
		return;
	join(v->clock, m->clock);
	for (unsigned i = 0; i < m->n_oldest; i++)
		v->oldest[i] = m->oldest[i] > v->oldest[i] ? m->oldest[i] : v->oldest[i];
}

/* The view of the caller as of now, joined with that of an earlier message of the release sequence. */
static void
attach_view(struct message *m, const struct message *earlier)
{
	const uint16_t *mine = my_view()->oldest;
	uint16_t *copy = (uint16_t *)(void *)(pool + pool_used);
	size_t bytes = (n_places * sizeof(*copy) + 7) & ~(size_t)7;

	if (pool_used + bytes > POOL)
		fail("the schedule is too long for this tester");
	pool_used += bytes;
	memcpy(copy, mine, n_places * sizeof(*copy));
	for (unsigned i = 0; earlier != NULL && i < earlier->n_oldest; i++)
		copy[i] = earlier->oldest[i] > copy[i] ? earlier->oldest[i] : copy[i];
	m->oldest = copy;
	m->n_oldest = n_places;
}

/* A new value.  `rmw`: it carries on the release sequence that it read from. */
static void
publish(struct place *p, const struct model_call *c, uint64_t x, bool rmw)
{
	struct view *v = my_view();
	const struct message before = *newest_of(p);
	struct message m = { .value = x };

	if (c->size == 8)
		check_word_written((uintptr_t)c->at, before.value, x);
	v->oldest[p - places] = (uint16_t)(p->newest + 1);
	if (rmw && before.releases)
		m = before;
	m.value = x;
	if (releases(c->order)) {
		m.releases = true;
		join(m.clock, v->clock);
		if (world_weak)
			attach_view(&m, rmw && before.releases ? &before : NULL);
		v->clock[me()]++;
	}
	p->newest++;
	*newest_of(p) = m;
	if (c->order == SHIM_SEQ_CST)
		p->last_seq = p->newest;
	poke(c, x);
	check_written(c->by, (uintptr_t)c->at, before.value, x);
	graph_written(c->by, (uintptr_t)c->at, before.value, x);
	shared_written(c->by, (uintptr_t)c->at, x);
	async_written(c->by, (uintptr_t)c->at, before.value, x);
	units_written((uintptr_t)c->at, x);
	abroad_written((uintptr_t)c->at);
}

static unsigned
oldest_for(const struct place *p, enum shim_order order)
{
	unsigned oldest = my_view()->oldest[p - places];

	if (order == SHIM_SEQ_CST && oldest < p->last_seq)
		oldest = p->last_seq;
	if (p->newest >= HISTORY && oldest < p->newest - HISTORY + 1)
		oldest = p->newest - HISTORY + 1;
	return oldest > p->floor ? oldest : p->floor;
}

static void
tell(const struct model_call *c, const char *op, uint64_t was, uint64_t is)
{
	if (world_verbose)
		search_tell(c->by, op, (uintptr_t)c->at, was, is);
}

void
model_init(struct model_call c, uint64_t x)
{
	c.order = SHIM_RELAXED;
	model_store(c, x);
}

uint64_t
model_load(struct model_call c)
{
	uintptr_t at = (uintptr_t)c.at;
	const struct message *m;
	struct place *p;
	unsigned number;

	if (is_foreign(&c))
		return peek(&c);
	sched_point(at, false);
	check_memory(at, c.size, c.by);
	p = place_of(&c);
	number = p->newest;
	if (world_weak && oldest_for(p, c.order) < number)
		number -= search_stale(number - oldest_for(p, c.order));
	m = &p->message[number % HISTORY];
	if (acquires(c.order))
		acquire(m);
	if (my_view()->oldest[p - places] < number)
		my_view()->oldest[p - places] = (uint16_t)number;
	tell(&c, number == p->newest ? "load" : "load (old)", m->value, m->value);
	sched_done(at, false);
	return m->value;
}

void
model_store(struct model_call c, uint64_t x)
{
	uintptr_t at = (uintptr_t)c.at;
	struct place *p;

	if (is_foreign(&c)) {
		poke(&c, x);
		return;
	}
	sched_point(at, true);
	check_memory(at, c.size, c.by);
	p = place_of(&c);
	tell(&c, "store", newest_of(p)->value, x);
	publish(p, &c, x, false);
	sched_done(at, true);
}

static uint64_t
combine(enum model_rmw op, uint64_t was, uint64_t x)
{
	switch (op) {
	case MODEL_XCHG:
		return x;
	case MODEL_ADD:
		return was + x;
	case MODEL_SUB:
		return was - x;
	case MODEL_AND:
		return was & x;
	case MODEL_OR:
		break;
	}
	return was | x;
}

static uint64_t
cut(uint64_t x, unsigned size)
{
	return size == 4 ? (uint32_t)x : x;
}

uint64_t
model_rmw(struct model_call c, enum model_rmw op, uint64_t x)
{
	uintptr_t at = (uintptr_t)c.at;
	uint64_t was;
	struct place *p;

	if (is_foreign(&c)) {
		was = peek(&c);
		poke(&c, combine(op, was, x));
		return was;
	}
	sched_point(at, true);
	check_memory(at, c.size, c.by);
	p = place_of(&c);
	was = newest_of(p)->value;
	x = cut(combine(op, was, x), c.size);
	tell(&c, "rmw", was, x);
	if (acquires(c.order))
		acquire(newest_of(p));
	publish(p, &c, x, true);
	sched_done(at, true);
	return was;
}

bool
model_cas(struct model_call c, uint64_t *expected, uint64_t x)
{
	uintptr_t at = (uintptr_t)c.at;
	uint64_t was;
	struct place *p;

	if (is_foreign(&c)) {
		was = peek(&c);
		if (was == *expected)
			poke(&c, x);
	} else {
		sched_point(at, true);
		check_memory(at, c.size, c.by);
		p = place_of(&c);
		was = newest_of(p)->value;
		tell(&c, was == *expected ? "cas" : "cas (no)", was, x);
		if (was == *expected) {
			if (acquires(c.order))
				acquire(newest_of(p));
			publish(p, &c, x, true);
		} else {
			my_view()->oldest[p - places] = (uint16_t)p->newest;
		}
		sched_done(at, was == *expected);
	}
	if (was == *expected)
		return true;
	*expected = was;
	return false;
}

static struct plain *
plain_of(uintptr_t at)
{
	uint16_t *number = &plain_number[grain_of(at)];
	struct plain *p;

	if (*number == 0) {
		if (n_plains == PLAIN_MAX)
			fail("the script touches too much plain data for this tester");
		p = &plains[n_plains++];
		*number = (uint16_t)n_plains;
		*p = (struct plain){ .at = at };
	}
	return &plains[*number - 1];
}

static void
check_writer(const struct plain *p, const char *by, const char *what)
{
	const uint32_t *clock = my_view()->clock;

	if (p->writer != 0 && p->writer - 1 != me() && p->written > clock[p->writer - 1])
		fail("a race: %s() %s what %s wrote, with nothing that orders the two", by, what,
		     world.fiber[p->writer - 1].name);
}

const void *
model_read(const void *at, unsigned size, const char *by)
{
	struct plain *p;

	if (!sched_in_fiber() || !in_region((uintptr_t)at))
		return at;
	check_memory((uintptr_t)at, size, by);
	p = plain_of((uintptr_t)at);
	check_writer(p, by, "reads");
	p->read[me()] = my_view()->clock[me()];
	return at;
}

void *
model_write(void *at, unsigned size, const char *by)
{
	struct plain *p;

	if (!sched_in_fiber() || !in_region((uintptr_t)at))
		return at;
	check_memory((uintptr_t)at, size, by);
	p = plain_of((uintptr_t)at);
	check_writer(p, by, "writes over");
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (i != me() && p->read[i] > my_view()->clock[i])
			fail("a race: %s() writes over what %s reads, with nothing that orders the "
			     "two",
			     by, world.fiber[i].name);
	}
	p->writer = me() + 1;
	p->written = my_view()->clock[me()];
	shared_plain_written(by, (uintptr_t)at);
	abroad_plain_written(by, (uintptr_t)at);
	return at;
}
