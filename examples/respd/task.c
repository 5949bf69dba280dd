/* SPDX-License-Identifier: MIT */
/* Tasks: see task.h. */
#include "server.h"
#include "task.h"

#define VALUE_MAX  ((size_t)512 << 20)
#define VALUE_KEPT ((size_t)4 << 10) /* memory that an idle task keeps */

int
task_init(struct task *t, struct lk_manager *manager, const char *label)
{
	*t = (struct task){ .state = TASK_NONE };
	buffer_init(&t->value, VALUE_MAX);
	return locks_init(&t->locks, manager, label);
}

void
task_fini(struct task *t)
{
	locks_fini(&t->locks);
	transaction_reset(&t->transaction);
	buffer_fini(&t->value);
}

static void
end(struct task *t)
{
	t->state = TASK_NONE;
	buffer_reset(&t->value, VALUE_KEPT);
}

void
task_begin(struct task *t, struct server *s, unsigned db, const struct request *r,
	   struct buffer *out)
{
	int rc;

	t->call = (struct call){
		.server = s,
		.store = s->store,
		.db = db,
		.arg = r->arg,
		.n_args = r->n_args,
		.out = out,
		.value = &t->value,
		.transaction = &t->transaction,
	};
	if (!command_begin(&t->call))
		return;
	rc = locks_take(&t->locks, &t->call);
	t->state = TASK_WAITS;
	if (rc != LOCKS_LATER)
		task_answered(t, rc);
}

void
task_answered(struct task *t, int rc)
{
	t->state = TASK_RUNS;
	if (rc == 0)
		return;
	command_refuse(&t->call, rc);
	/* EXEC ends its transaction, whatever comes of it. */
	if (t->call.command->scope == LOCK_PARTS)
		transaction_reset(&t->transaction);
	end(t);
}

void
task_go_on(struct task *t, size_t n_steps)
{
	if (!command_go_on(&t->call, n_steps))
		return;
	locks_release(&t->locks);
	end(t);
}

void
task_drop(struct task *t)
{
	locks_release(&t->locks);
	end(t);
}
