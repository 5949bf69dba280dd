/* SPDX-License-Identifier: MIT */
/* The latest deadlocks, one after the other as they are told. */
#include <latchkey/explain.h>

#include "core/manager.h"
#include "show/rings.h"

static int
add(void *arg, const struct lk_deadlock *d)
{
	struct rings *r = arg;

	if (r->n == 0)
		rings_begin(r);
	rings_add(r, d);
	return r->o->rc;
}

int
lk_deadlocks(struct lk_manager *m, enum lk_format format, lk_write_fn *write, void *arg)
{
	struct rings r = { .format = format };
	struct out o;
	int rc = m != NULL ? say_check(format, true, write) : LK_E_INVAL;

	if (rc != 0)
		return rc;
	out_begin(&o, write, arg);
	r.o = &o;
	r.now = env_now(&m->env);
	rc = lk_deadlock_each(m, add, &r);
	if (rc != 0)
		return rc; /* of the writer, or nothing was written */
	if (r.n == 0)
		rings_begin(&r);
	rings_end(&r);
	return out_end(&o);
}
