/* SPDX-License-Identifier: MIT */
/*
 * The back end of the shim for the tester: every operation is a step of a fiber, which the scheduler
 * may put off.  Put under the core with -DLK_SHIM_H='"backend.h"'.
 */
#ifndef LK_INTERLEAVE_BACKEND_H
#define LK_INTERLEAVE_BACKEND_H

#include "base/compiler.h"

typedef struct a32 {
	uint32_t v;
} a32;
typedef struct a64 {
	uint64_t v;
} a64;
typedef struct aptr {
	void *v;
} aptr;

enum shim_order { SHIM_RELAXED, SHIM_ACQUIRE, SHIM_RELEASE, SHIM_ACQ_REL, SHIM_SEQ_CST };

enum model_rmw { MODEL_XCHG, MODEL_ADD, MODEL_SUB, MODEL_AND, MODEL_OR };

/* A step, as the core asks for it. */
struct model_call {
	void *at;
	unsigned size;
	enum shim_order order;
	const char *by; /* the function of the core */
};

/* memory.c */
void model_init(struct model_call c, uint64_t x);
uint64_t model_load(struct model_call c);
void model_store(struct model_call c, uint64_t x);
uint64_t model_rmw(struct model_call c, enum model_rmw op, uint64_t x);
bool model_cas(struct model_call c, uint64_t *expected, uint64_t x);
const void *model_read(const void *at, unsigned size, const char *by);
void *model_write(void *at, unsigned size, const char *by);

/* sched.c */
void model_pause(void);

#define MODEL_CALL(p, order) \
	((struct model_call){ (void *)(uintptr_t)(p), (unsigned)sizeof(*(p)), (order), by })

#define MODEL_TYPE(name, type, word, to, from)                                                   \
	static inline void name##_init(word *p, type x, const char *by)                          \
	{                                                                                        \
		model_init(MODEL_CALL(p, SHIM_RELAXED), to(x));                                  \
	}                                                                                        \
	static inline type name##_load(const word *p, enum shim_order order, const char *by)     \
	{                                                                                        \
		return from(model_load(MODEL_CALL(p, order)));                                   \
	}                                                                                        \
	static inline void name##_store(word *p, type x, enum shim_order order, const char *by)  \
	{                                                                                        \
		model_store(MODEL_CALL(p, order), to(x));                                        \
	}                                                                                        \
	static inline type name##_rmw(word *p, enum model_rmw op, type x, enum shim_order order, \
				      const char *by)                                            \
	{                                                                                        \
		return from(model_rmw(MODEL_CALL(p, order), op, to(x)));                         \
	}                                                                                        \
	static inline bool name##_cas(word *p, type *expected, type x, enum shim_order order,    \
				      const char *by)                                            \
	{                                                                                        \
		uint64_t seen = to(*expected);                                                   \
		bool done = model_cas(MODEL_CALL(p, order), &seen, to(x));                       \
                                                                                                 \
		if (!done)                                                                       \
			*expected = from(seen);                                                  \
		return done;                                                                     \
	}

#define MODEL_TO_NUMBER(x)    ((uint64_t)(x))
#define MODEL_TO_32(x)        ((uint32_t)(x))
#define MODEL_FROM_POINTER(x) ((uint64_t)(uintptr_t)(x))
#define MODEL_TO_POINTER(x)   ((void *)(uintptr_t)(x))

MODEL_TYPE(model_a32, uint32_t, a32, MODEL_TO_NUMBER, MODEL_TO_32)
MODEL_TYPE(model_a64, uint64_t, a64, MODEL_TO_NUMBER, MODEL_TO_NUMBER)
MODEL_TYPE(model_aptr, void *, aptr, MODEL_FROM_POINTER, MODEL_TO_POINTER)

#define shim_init(p, x)                 \
	_Generic(*(p), a32              \
		 : model_a32_init, a64  \
		 : model_a64_init, aptr \
		 : model_aptr_init)((p), (x), __func__)
#define shim_load(p, order)             \
	_Generic(*(p), a32              \
		 : model_a32_load, a64  \
		 : model_a64_load, aptr \
		 : model_aptr_load)((p), (order), __func__)
#define shim_own(p) shim_load((p), SHIM_RELAXED)
#define shim_store(p, x, order)          \
	_Generic(*(p), a32               \
		 : model_a32_store, a64  \
		 : model_a64_store, aptr \
		 : model_aptr_store)((p), (x), (order), __func__)
#define MODEL_RMW(p, op, x, order)     \
	_Generic(*(p), a32             \
		 : model_a32_rmw, a64  \
		 : model_a64_rmw, aptr \
		 : model_aptr_rmw)((p), (op), (x), (order), __func__)
#define shim_cas(p, expected, x, order) \
	_Generic(*(p), a32              \
		 : model_a32_cas, a64   \
		 : model_a64_cas, aptr  \
		 : model_aptr_cas)((p), (expected), (x), (order), __func__)

#define shim_xchg(p, x, order) MODEL_RMW(p, MODEL_XCHG, x, order)
#define shim_add(p, x, order)  MODEL_RMW(p, MODEL_ADD, x, order)
#define shim_sub(p, x, order)  MODEL_RMW(p, MODEL_SUB, x, order)
#define shim_and(p, x, order)  MODEL_RMW(p, MODEL_AND, x, order)
#define shim_or(p, x, order)   MODEL_RMW(p, MODEL_OR, x, order)

#define shim_keep_order()      ((void)0) /* steps are made in the order of the program */
#define shim_order_stores()    ((void)0)
#define shim_order_loads()     ((void)0)
#define shim_pause()           model_pause()

#define RD(x)                  (*(const __typeof__(x) *)model_read(&(x), (unsigned)sizeof(x), __func__))
#define WR(x, y)               ((void)(*(__typeof__(x) *)model_write(&(x), (unsigned)sizeof(x), __func__) = (y)))

bool shim_barrier_all(void);
unsigned shim_cpus(void);

#endif /* LK_INTERLEAVE_BACKEND_H */
