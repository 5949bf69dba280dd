/* SPDX-License-Identifier: MIT */
/* Transactions: see transaction.h. */
#include <stdlib.h>

#include "reply.h"
#include "request.h"
#include "transaction.h"

static void
forget_parts(struct transaction *t)
{
	while (t->first != NULL) {
		struct part *next = t->first->next;

		free(t->first);
		t->first = next;
	}
	t->last = NULL;
	t->n_parts = 0;
	t->n_bytes = 0;
}

void
transaction_reset(struct transaction *t)
{
	forget_parts(t);
	*t = (struct transaction){ 0 };
}

void
transaction_spoil(struct transaction *t)
{
	if (!t->is_open)
		return;
	forget_parts(t);
	t->is_spoiled = true;
}

/* ------------------------------------------------------------------ keeping parts */

static size_t
size_of_part(const struct call *c)
{
	size_t size = sizeof(struct part) + c->n_args * sizeof(struct bytes);

	for (size_t i = 0; i < c->n_args; i++)
		size += c->arg[i].len;
	return size;
}

static struct part *
copy_call(const struct call *c, size_t size)
{
	struct part *p = malloc(size);
	char *data;

	if (p == NULL)
		return NULL;
	*p = (struct part){ .command = c->command, .n_args = c->n_args };
	data = (char *)&p->arg[c->n_args];
	for (size_t i = 0; i < c->n_args; i++) {
		p->arg[i] = (struct bytes){ .data = data, .len = c->arg[i].len };
		memcpy(data, c->arg[i].data, c->arg[i].len);
		data += c->arg[i].len;
	}
	return p;
}

static void
add_part(struct transaction *t, struct part *p, size_t size)
{
	const char *why = NULL;

	p->db = t->db;
	/* What SELECT will do decides what is locked for the parts behind it. */
	if (p->command->run == cmd_select)
		call_database(p->arg[1], &t->db, &why);
	if (t->last != NULL)
		t->last->next = p;
	else
		t->first = p;
	t->last = p;
	t->n_parts++;
	t->n_bytes += size;
}

static void
keep(struct transaction *t, struct call *c)
{
	size_t size = size_of_part(c);
	struct part *p = NULL;

	if (t->is_spoiled) { /* it will not be carried out, but is still answered so */
		reply_status(c->out, "QUEUED");
		return;
	}
	if (size > REQUEST_MAX - t->n_bytes) {
		reply_error(c->out, "too big a transaction");
	} else {
		p = copy_call(c, size);
		if (p == NULL)
			call_no_memory(c);
	}
	if (p == NULL) {
		transaction_spoil(t);
		return;
	}
	add_part(t, p, size);
	reply_status(c->out, "QUEUED");
}

/* Commands that are about the transaction or the connection, and are never a part. */
static bool
is_never_part(const struct command *command)
{
	return command->run == cmd_multi || command->run == cmd_exec ||
	       command->run == cmd_discard || command->run == cmd_quit;
}

bool
transaction_keeps(struct transaction *t, struct call *c)
{
	if (!t->is_open || is_never_part(c->command))
		return false;
	keep(t, c);
	return true;
}

/* ------------------------------------------------------------------- the commands */

void
cmd_multi(struct call *c)
{
	struct transaction *t = c->transaction;

	if (t->is_open) {
		reply_error(c->out, "MULTI calls can not be nested");
		return;
	}
	t->is_open = true;
	t->db = c->db;
	reply_status(c->out, "OK");
}

void
cmd_discard(struct call *c)
{
	if (!c->transaction->is_open) {
		reply_error(c->out, "DISCARD without MULTI");
		return;
	}
	transaction_reset(c->transaction);
	reply_status(c->out, "OK");
}

static void
begin_part(struct transaction *t, struct part *p, const struct call *exec)
{
	t->being = p;
	if (p == NULL)
		return;
	t->call = (struct call){
		.server = exec->server,
		.store = exec->store,
		.db = p->db,
		.command = p->command,
		.arg = p->arg,
		.n_args = p->n_args,
		.out = exec->out,
		.value = exec->value,
	};
}

/* The first step of EXEC.  False: it is refused. */
static bool
begin_exec(struct call *c)
{
	struct transaction *t = c->transaction;

	if (!t->is_open) {
		reply_error(c->out, "EXEC without MULTI");
		return false;
	}
	if (t->is_spoiled) {
		reply_refusal(c->out, "EXECABORT",
			      "Transaction discarded because of previous errors.");
		transaction_reset(t);
		return false;
	}
	reply_array(c->out, t->n_parts);
	begin_part(t, t->first, c);
	return true;
}

/* A step of EXEC is a step of a part.  One that fails says so, and the others go on. */
void
cmd_exec(struct call *c)
{
	struct transaction *t = c->transaction;

	if (c->step == 0 && !begin_exec(c))
		return;
	if (t->being != NULL && command_go_on(&t->call, 1)) {
		c->db = t->call.db;
		begin_part(t, t->being->next, c);
	}
	if (t->being != NULL)
		call_again(c);
	else
		transaction_reset(t);
}
