/* SPDX-License-Identifier: MIT */
/* The graph of classes, and the search for a ring in it.  (G1, G2) */
#include <string.h>

#include "trace/order.h"

#define EDGE_SAID (UINT64_C(1) << 63) /* a ring through this edge was reported */

enum { NO_CLASS = UINT16_MAX, STATES = ORDER_CLASSES * MODE_N };

/* Somebody wants this class in this mode, because of what the step before holds. */
struct step {
	uint16_t class;
	uint8_t wants;
	uint8_t depth; /* edges since the first; no longer than it counts */
};

struct order {
	struct env *env;
	struct latch latch;
	uint32_t n;
	bool full_said;
	struct class class[ORDER_CLASSES];
	uint64_t edge[ORDER_CLASSES][ORDER_CLASSES]; /* [held][wanted]: pairs of modes */
	struct step step[STATES];                    /* of a search under way */
	uint8_t seen[ORDER_CLASSES];                 /* … modes in which a class was wanted */
};

struct order *
order_create(struct env *env)
{
	struct order *o = env_zalloc(env, sizeof(*o), LK_LINE);

	if (o != NULL) {
		o->env = env;
		latch_init(&o->latch);
	}
	return o;
}

void
order_destroy(struct order *o)
{
	if (o != NULL)
		env_free(o->env, o, sizeof(*o));
}

static uint64_t
pair(lk_mode has, lk_mode wants)
{
	return UINT64_C(1) << ((unsigned)has * MODE_N + (unsigned)wants);
}

static uint16_t
find_class(const struct order *o, const struct class *c)
{
	for (uint32_t i = 0; i < o->n; i++) {
		if (o->class[i].hash == c->hash && o->class[i].len == c->len)
			return (uint16_t)i;
	}
	return NO_CLASS;
}

/* Its number, a new one if need be; NO_CLASS: there is no room. */
static uint16_t
number_of(struct order *o, const struct class *c)
{
	uint16_t found = find_class(o, c);

	if (found != NO_CLASS || o->n == ORDER_CLASSES)
		return found;
	o->class[o->n] = *c;
	return (uint16_t)o->n++; /* (G1) */
}

/* Modes in which `to` is wanted by whoever holds `from` in a mode that bars `wants`. */
static mode_set
wanted_by_holders(const struct order *o, uint32_t from, uint32_t to, lk_mode wants)
{
	const uint64_t edge = o->edge[from][to];
	mode_set all = 0;

	for (lk_mode has = LK_IS; edge != 0 && has < (lk_mode)MODE_N; has++) {
		if ((mode_conflicts(wants) & MODE_BIT(has)) != 0)
			all |= (mode_set)(edge >> ((unsigned)has * MODE_N) & MODE_ALL);
	}
	return all;
}

/* Go on from `s` to class `to`, in each mode not gone to yet; the number of steps there are then. */
static uint32_t
go_on(struct order *o, const struct step *s, uint32_t to, uint32_t n)
{
	mode_set modes =
		wanted_by_holders(o, s->class, to, (lk_mode)s->wants) & (mode_set)~o->seen[to];

	o->seen[to] |= modes;
	for (lk_mode m = LK_IS; m < (lk_mode)MODE_N; m++) {
		if ((modes & MODE_BIT(m)) == 0)
			continue;
		o->step[n++] = (struct step){
			.class = (uint16_t)to,
			.wants = (uint8_t)m,
			.depth = s->depth < UINT8_MAX ? (uint8_t)(s->depth + 1) : UINT8_MAX,
		};
	}
	return n;
}

/* How many classes the smallest ring has that ends with `held` in `has`, wanted in `wants`; 0: none. */
static uint32_t
find_ring(struct order *o, uint32_t held, lk_mode has, uint32_t wanted, lk_mode wants)
{
	uint32_t n = 1;

	memset(o->seen, 0, sizeof(o->seen));
	o->step[0] = (struct step){ .class = (uint16_t)wanted, .wants = (uint8_t)wants };
	o->seen[wanted] = MODE_BIT(wants);
	for (uint32_t i = 0; i < n; i++) {
		const struct step s = o->step[i];

		if (s.class == held && (mode_conflicts((lk_mode)s.wants) & MODE_BIT(has)) != 0)
			return s.depth + 1u;
		for (uint32_t to = 0; to < o->n; to++)
			n = go_on(o, &s, to, n);
	}
	return 0;
}

/* A pair of modes that is new: does it close a ring that was not reported yet?  */
static enum order_outcome
look(struct order *o, uint32_t held, lk_mode has, uint32_t wanted, lk_mode wants,
     struct order_finding *found)
{
	uint64_t *edge = &o->edge[held][wanted];

	if ((*edge & EDGE_SAID) != 0)
		return ORDER_FINE;
	found->n_classes = find_ring(o, held, has, wanted, wants);
	if (found->n_classes == 0)
		return ORDER_FINE;
	*edge |= EDGE_SAID;
	if (found->n_classes == 2)
		o->edge[wanted][held] |= EDGE_SAID;
	return ORDER_INVERTED;
}

static enum order_outcome
is_full(struct order *o, const struct class *c, struct order_finding *found)
{
	if (o->full_said)
		return ORDER_FINE;
	o->full_said = true;
	found->class = *c;
	return ORDER_FULL;
}

static enum order_outcome
learn(struct order *o, const struct class *held, lk_mode has, const struct class *wanted,
      lk_mode wants, struct order_finding *found)
{
	const uint16_t h = number_of(o, held);
	const uint16_t c = number_of(o, wanted);

	if (h == NO_CLASS || c == NO_CLASS)
		return is_full(o, h == NO_CLASS ? held : wanted, found);
	if (h == c || (o->edge[h][c] & pair(has, wants)) != 0)
		return ORDER_FINE;
	o->edge[h][c] |= pair(has, wants); /* (G2) */
	return look(o, h, has, c, wants, found);
}

enum order_outcome
order_learn(struct order *o, const struct class *held, lk_mode has, const struct class *wanted,
	    lk_mode wants, struct order_finding *found)
{
	enum order_outcome outcome;

	latch_lock(&o->latch);
	outcome = learn(o, held, has, wanted, wants, found);
	latch_unlock(&o->latch);
	return outcome;
}
