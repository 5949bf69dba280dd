/* SPDX-License-Identifier: MIT */
/* Commands on keys and on whole databases. */
#include "command.h"
#include "glob.h"
#include "number.h"
#include "reply.h"

void
cmd_del(struct call *c)
{
	int64_t n = 0;

	for (size_t i = 1; i < c->n_args; i++)
		n += store_delete(c->store, c->db, c->arg[i]);
	reply_integer(c->out, n);
}

void
cmd_exists(struct call *c)
{
	int64_t n = 0;

	for (size_t i = 1; i < c->n_args; i++)
		n += store_get(c->store, c->db, c->arg[i], NULL, NULL);
	reply_integer(c->out, n);
}

/* ----------------------------------------------------------------------- RENAME */

/*
 * Move the value of the first key, and its time of expiry, to the second.  Between the two writes
 * neither key has it, or both: without the locks on both somebody would see that.
 */
static bool
move(struct call *c)
{
	struct bytes from = c->arg[1];
	struct bytes to = c->arg[2];
	uint64_t expires_ns = 0;

	if (!store_get(c->store, c->db, from, c->value, &expires_ns)) {
		reply_error(c->out, "no such key");
		return false;
	}
	if (from.len == to.len && memcmp(from.data, to.data, from.len) == 0)
		return true;
	if (c->value->failed ||
	    !store_set(c->store, c->db, to, buffer_bytes(c->value), expires_ns)) {
		call_no_memory(c);
		return false;
	}
	store_delete(c->store, c->db, from);
	return true;
}

void
cmd_rename(struct call *c)
{
	if (move(c))
		reply_status(c->out, "OK");
}

void
cmd_renamenx(struct call *c)
{
	bool is_taken = store_get(c->store, c->db, c->arg[2], NULL, NULL);

	if (is_taken && store_get(c->store, c->db, c->arg[1], NULL, NULL))
		reply_integer(c->out, 0);
	else if (move(c))
		reply_integer(c->out, 1);
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
	uint64_t expires_ns;
	bool is_there = store_get(c->store, c->db, c->arg[1], NULL, &expires_ns);

	if (is_there && expires_ns != 0)
		store_expire(c->store, c->db, c->arg[1], 0);
	reply_integer(c->out, is_there && expires_ns != 0);
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

void
cmd_dbsize(struct call *c)
{
	reply_integer(c->out, (int64_t)store_count(c->store, c->db));
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
	store_clear(c->store, c->db);
	reply_status(c->out, "OK");
}

void
cmd_flushall(struct call *c)
{
	if (!has_flush_syntax(c))
		return;
	for (unsigned db = 0; db < STORE_N_DBS; db++)
		store_clear(c->store, db);
	reply_status(c->out, "OK");
}

/* Keys that match, as replies, and how many: the number must be said before them. */
struct key_list {
	struct bytes pattern;
	struct buffer *replies;
	size_t n;
};

static void
add_key(void *arg, struct bytes key)
{
	struct key_list *list = arg;

	if (!glob_matches(list->pattern, key))
		return;
	reply_bulk(list->replies, key);
	list->n++;
}

void
cmd_keys(struct call *c)
{
	struct key_list list = { .pattern = c->arg[1], .replies = c->value };
	struct bytes replies;

	buffer_reset(c->value, SIZE_MAX);
	store_each(c->store, c->db, add_key, &list);
	if (c->value->failed) {
		call_no_memory(c);
		return;
	}
	replies = buffer_bytes(c->value);
	reply_array(c->out, list.n);
	buffer_append(c->out, replies.data, replies.len);
}
