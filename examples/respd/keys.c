/* SPDX-License-Identifier: MIT */
/* Commands on keys and on whole databases. */
#include "command.h"
#include "glob.h"
#include "number.h"
#include "reply.h"

/* The next key's turn; after the last one the reply: how many there were. */
static void
count_key(struct call *c, bool is_there)
{
	c->number += is_there;
	if (c->step + 2 < c->n_args)
		call_again(c);
	else
		reply_integer(c->out, c->number);
}

void
cmd_del(struct call *c)
{
	count_key(c, store_delete(c->store, c->db, c->arg[1 + c->step]));
}

void
cmd_exists(struct call *c)
{
	count_key(c, store_get(c->store, c->db, c->arg[1 + c->step], NULL, NULL));
}

/* ----------------------------------------------------------------------- RENAME */

/* Take the value of the first key.  True: it is to stay where it is. */
static bool
take(struct call *c)
{
	struct bytes from = c->arg[1];
	struct bytes to = c->arg[2];

	if (!store_get(c->store, c->db, from, c->value, &c->expires_ns)) {
		reply_error(c->out, "no such key");
		return false;
	}
	if (from.len == to.len && memcmp(from.data, to.data, from.len) == 0)
		return true;
	if (c->value->failed)
		call_no_memory(c);
	else
		call_again(c);
	return false;
}

/*
 * Move the value of the first key, and its time of expiry, to the second, in three steps.  Between
 * the two writes both keys have it: without the locks on both somebody would see that.  True: done.
 */
static bool
move(struct call *c, size_t step)
{
	if (step == 0)
		return take(c);
	if (step == 1) {
		if (store_set(c->store, c->db, c->arg[2], buffer_bytes(c->value), c->expires_ns))
			call_again(c);
		else
			call_no_memory(c);
		return false;
	}
	store_delete(c->store, c->db, c->arg[1]);
	return true;
}

void
cmd_rename(struct call *c)
{
	if (move(c, c->step))
		reply_status(c->out, "OK");
}

void
cmd_renamenx(struct call *c)
{
	if (c->step == 0) {
		c->is_there = store_get(c->store, c->db, c->arg[2], NULL, NULL);
		call_again(c);
	} else if (c->step == 1 && c->is_there &&
		   store_get(c->store, c->db, c->arg[1], NULL, NULL)) {
		reply_integer(c->out, 0);
	} else if (move(c, c->step - 1)) {
		reply_integer(c->out, 1);
	}
}

/* ----------------------------------------------------------------------- expiry */

bool
call_expiry(struct call *c, struct bytes text, int64_t unit_ns, uint64_t *expires_ns)
{
	int64_t n;

	if (!number_parse(text, &n)) {
		reply_error(c->out, "value is not an integer or out of range");
		return false;
	}
	if (n <= 0 || __builtin_mul_overflow(n, unit_ns, &n) ||
	    __builtin_add_overflow(n, (int64_t)store_now(), &n)) {
		reply_error(c->out, "invalid expire time in '%s' command", c->command->name);
		return false;
	}
	*expires_ns = (uint64_t)n;
	return true;
}

/* A time that is over already takes the key away. */
static void
expire(struct call *c, int64_t unit_ns)
{
	uint64_t expires_ns;
	int64_t n;

	if (number_parse(c->arg[2], &n) && n <= 0)
		reply_integer(c->out, store_delete(c->store, c->db, c->arg[1]));
	else if (call_expiry(c, c->arg[2], unit_ns, &expires_ns))
		reply_integer(c->out, store_expire(c->store, c->db, c->arg[1], expires_ns));
}

void
cmd_expire(struct call *c)
{
	expire(c, SECOND_NS);
}

void
cmd_pexpire(struct call *c)
{
	expire(c, MILLISECOND_NS);
}

void
cmd_persist(struct call *c)
{
	bool is_there;

	if (c->step > 0) {
		reply_integer(c->out, store_expire(c->store, c->db, c->arg[1], 0));
		return;
	}
	is_there = store_get(c->store, c->db, c->arg[1], NULL, &c->expires_ns);
	if (is_there && c->expires_ns != 0)
		call_again(c);
	else
		reply_integer(c->out, 0);
}

/* What is left, rounded; -1: it stays for ever; -2: it is not there. */
static void
reply_time_left(struct call *c, int64_t unit_ns)
{
	uint64_t expires_ns;
	uint64_t now;

	if (!store_get(c->store, c->db, c->arg[1], NULL, &expires_ns)) {
		reply_integer(c->out, -2);
		return;
	}
	if (expires_ns == 0) {
		reply_integer(c->out, -1);
		return;
	}
	now = store_now();
	reply_integer(c->out, expires_ns <= now
				      ? 0
				      : ((int64_t)(expires_ns - now) + unit_ns / 2) / unit_ns);
}

void
cmd_ttl(struct call *c)
{
	reply_time_left(c, SECOND_NS);
}

void
cmd_pttl(struct call *c)
{
	reply_time_left(c, MILLISECOND_NS);
}

/* -------------------------------------------------------------- whole databases */

/* They go stripe by stripe, a step each.  After the last one: true. */
static bool
was_last_stripe(struct call *c, size_t n_dbs)
{
	if (c->step + 1 == n_dbs * store_n_stripes(c->store))
		return true;
	call_again(c);
	return false;
}

void
cmd_dbsize(struct call *c)
{
	c->number += (int64_t)store_count(c->store, c->db, c->step);
	if (was_last_stripe(c, 1))
		reply_integer(c->out, c->number);
}

/* FLUSHDB and FLUSHALL may be told how; it is all the same here. */
static bool
has_flush_syntax(struct call *c)
{
	if (c->n_args == 1 ||
	    (c->n_args == 2 && (bytes_is(c->arg[1], "sync") || bytes_is(c->arg[1], "async"))))
		return true;
	reply_error(c->out, "syntax error");
	return false;
}

void
cmd_flushdb(struct call *c)
{
	if (!has_flush_syntax(c))
		return;
	store_clear(c->store, c->db, c->step);
	if (was_last_stripe(c, 1))
		reply_status(c->out, "OK");
}

void
cmd_flushall(struct call *c)
{
	size_t n = store_n_stripes(c->store);

	if (!has_flush_syntax(c))
		return;
	store_clear(c->store, (unsigned)(c->step / n), c->step % n);
	if (was_last_stripe(c, STORE_N_DBS))
		reply_status(c->out, "OK");
}

/* A key that matches becomes a part of the reply; how many there are must be said before them. */
static void
add_key(void *arg, struct bytes key)
{
	struct call *c = arg;

	if (!glob_matches(c->arg[1], key))
		return;
	reply_bulk(c->value, key);
	c->number++;
}

void
cmd_keys(struct call *c)
{
	struct bytes replies;

	if (c->step == 0)
		buffer_reset(c->value, SIZE_MAX);
	store_each(c->store, c->db, c->step, add_key, c);
	if (!was_last_stripe(c, 1))
		return;
	if (c->value->failed) {
		call_no_memory(c);
		return;
	}
	replies = buffer_bytes(c->value);
	reply_array(c->out, (size_t)c->number);
	buffer_append(c->out, replies.data, replies.len);
}
