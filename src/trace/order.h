/* SPDX-License-Identifier: MIT */
/*
 * Which classes of names are wanted while which are held, and whether that can end in a ring.
 *
 * An edge from H to C says that somebody wanted C while it held H, and in which modes: one bit for each pair
 * of (held, wanted).  Owners could stand in a ring if there is a ring of edges in which each class is wanted,
 * by the edge that comes in, in a mode that does not agree with that in which the edge that goes out holds
 * it.  So two who only read never do, however they take their locks.
 *
 *   db/a X, then db/b X     db/a -X,X-> db/b
 *   db/b X, then db/a S     db/b -X,S-> db/a     S of db/a against X: a ring is possible, said at once
 *
 * What waits behind other waiters only, not behind who holds, is no edge: lines can be put in another order.
 * An edge from a class to itself is none: of rows of one table classes do not know the order.
 *
 * G1  classes and edges only come; a class never changes once `n` counts it.
 * G2  every bit is set under the latch, and whoever sets the last bit of a ring of edges finds the ring.
 */
#ifndef LK_TRACE_ORDER_H
#define LK_TRACE_ORDER_H

#include "base/env.h"
#include "base/latch.h"
#include "mode/mode.h"
#include "trace/class.h"

/* A tester makes it small. */
#ifndef LK_ORDER_CLASSES
#define LK_ORDER_CLASSES 256
#endif
enum { ORDER_CLASSES = LK_ORDER_CLASSES };

struct order;

enum order_outcome {
	ORDER_FINE,
	ORDER_INVERTED, /* for the first time */
	ORDER_FULL      /* for the first time: no room for a class */
};

/* What was found: of a ring how many classes it has; of ORDER_FULL which class it was. */
struct order_finding {
	uint32_t n_classes;
	struct class class;
};

/* NULL: no memory. */
struct order *order_create(struct env *env);
void order_destroy(struct order *o);

/* Somebody that has `held` in `has` wants `wanted` in `wants`. */
enum order_outcome order_learn(struct order *o, const struct class *held, lk_mode has,
			       const struct class *wanted, lk_mode wants,
			       struct order_finding *found);

#endif /* LK_TRACE_ORDER_H */
