/* SPDX-License-Identifier: MIT */
/*
 * Commands on values.  Those that change a value read it, make another and write that: two steps,
 * made one by the lock that the command has, whoever gets his turn between them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "number.h"
#include "reply.h"
#include "request.h"

/* Look for a key and copy its value to `c->value`.  Memory that is short shows when it is used. */
static bool
find(struct call *c, struct bytes key, uint64_t *expires_ns)
{
	return store_get(c->store, c->db, key, c->value, expires_ns);
}

static bool
exists(struct call *c, struct bytes key)
{
	return store_get(c->store, c->db, key, NULL, NULL);
}

/* Write; if there is no memory, say so. */
static bool
put(struct call *c, struct bytes key, struct bytes value, uint64_t expires_ns)
{
	if (store_set(c->store, c->db, key, value, expires_ns))
		return true;
	call_no_memory(c);
	return false;
}

/* The value that find() found, or that there is none. */
static void
reply_found(struct call *c, bool is_there)
{
	if (!is_there)
		reply_null(c->out);
	else if (c->value->failed)
		call_no_memory(c);
	else
		reply_bulk(c->out, buffer_bytes(c->value));
}

void
cmd_get(struct call *c)
{
	reply_found(c, find(c, c->arg[1], NULL));
}

void
cmd_mget(struct call *c)
{
	size_t i = 1 + c->step;

	if (c->step == 0)
		reply_array(c->out, c->n_args - 1);
	reply_found(c, find(c, c->arg[i], NULL));
	if (i + 1 < c->n_args && !c->out->failed)
		call_again(c);
}

void
cmd_strlen(struct call *c)
{
	bool is_there = find(c, c->arg[1], NULL);

	reply_integer(c->out, is_there ? (int64_t)buffer_len(c->value) : 0);
}

/* ------------------------------------------------------------------------- SET */

/* What follows SET's key and value. */
struct set_options {
	bool if_absent;  /* NX */
	bool if_present; /* XX */
	bool keeps_ttl;  /* KEEPTTL */
	bool has_expiry; /* EX, PX */
	uint64_t expires_ns;
};

static bool
syntax_error(struct call *c)
{
	reply_error(c->out, "syntax error");
	return false;
}

/* EX or PX at `*i`, and its number behind it, which `*i` is moved to. */
static bool
parse_expiry(struct call *c, struct set_options *o, size_t *i)
{
	int64_t unit_ns = bytes_is(c->arg[*i], "ex") ? SECOND_NS : MILLISECOND_NS;

	if (o->has_expiry || ++*i == c->n_args)
		return syntax_error(c);
	o->has_expiry = true;
	return call_expiry(c, c->arg[*i], unit_ns, &o->expires_ns);
}

/* False: the error has been said. */
static bool
parse_set_options(struct call *c, struct set_options *o)
{
	for (size_t i = 3; i < c->n_args; i++) {
		if (bytes_is(c->arg[i], "nx"))
			o->if_absent = true;
		else if (bytes_is(c->arg[i], "xx"))
			o->if_present = true;
		else if (bytes_is(c->arg[i], "keepttl"))
			o->keeps_ttl = true;
		else if (!bytes_is(c->arg[i], "ex") && !bytes_is(c->arg[i], "px"))
			return syntax_error(c);
		else if (!parse_expiry(c, o, &i))
			return false;
	}
	if ((o->if_absent && o->if_present) || (o->keeps_ttl && o->has_expiry))
		return syntax_error(c);
	return true;
}

/* The first step of SET: may it be?  Then `c->expires_ns` says how long. */
static void
look_before_set(struct call *c)
{
	struct set_options o = { 0 };
	uint64_t old_expires_ns = 0;
	bool is_there;

	if (!parse_set_options(c, &o))
		return;
	if (o.if_absent || o.if_present || o.keeps_ttl) {
		is_there = store_get(c->store, c->db, c->arg[1], NULL, &old_expires_ns);
		if ((o.if_absent && is_there) || (o.if_present && !is_there)) {
			reply_null(c->out);
			return;
		}
	}
	c->expires_ns = o.keeps_ttl ? old_expires_ns : o.expires_ns;
	call_again(c);
}

void
cmd_set(struct call *c)
{
	if (c->step == 0)
		look_before_set(c);
	else if (put(c, c->arg[1], c->arg[2], c->expires_ns))
		reply_status(c->out, "OK");
}

void
cmd_setnx(struct call *c)
{
	if (c->step > 0) {
		if (put(c, c->arg[1], c->arg[2], 0))
			reply_integer(c->out, 1);
	} else if (exists(c, c->arg[1])) {
		reply_integer(c->out, 0);
	} else {
		call_again(c);
	}
}

void
cmd_getset(struct call *c)
{
	if (c->step == 0) {
		c->is_there = find(c, c->arg[1], NULL);
		call_again(c);
	} else if (put(c, c->arg[1], c->arg[2], 0)) {
		reply_found(c, c->is_there);
	}
}

/* ------------------------------------------------------------------ many at once */

/* Write pair number `pair`.  Without memory for all, some are written: as much as can be done then. */
static void
put_pair(struct call *c, size_t pair)
{
	size_t i = 1 + 2 * pair;

	if (!put(c, c->arg[i], c->arg[i + 1], 0))
		return;
	if (i + 2 < c->n_args)
		call_again(c);
	else if (c->command->run == cmd_mset)
		reply_status(c->out, "OK");
	else
		reply_integer(c->out, 1);
}

void
cmd_mset(struct call *c)
{
	if (c->n_args % 2 == 0)
		call_wrong_arity(c);
	else
		put_pair(c, c->step);
}

/* First a look at every key, then as MSET. */
void
cmd_msetnx(struct call *c)
{
	size_t n_pairs = (c->n_args - 1) / 2;

	if (c->n_args % 2 == 0)
		call_wrong_arity(c);
	else if (c->step >= n_pairs)
		put_pair(c, c->step - n_pairs);
	else if (exists(c, c->arg[1 + 2 * c->step]))
		reply_integer(c->out, 0);
	else
		call_again(c);
}

/* --------------------------------------------------------- read, change and write */

void
cmd_append(struct call *c)
{
	if (c->step > 0) {
		if (put(c, c->arg[1], buffer_bytes(c->value), c->expires_ns))
			reply_integer(c->out, (int64_t)buffer_len(c->value));
		return;
	}
	if (!find(c, c->arg[1], &c->expires_ns))
		buffer_reset(c->value, SIZE_MAX);
	if (buffer_len(c->value) + c->arg[2].len > REQUEST_BULK_MAX) {
		reply_error(c->out, "string exceeds maximum allowed size");
		return;
	}
	buffer_append(c->value, c->arg[2].data, c->arg[2].len);
	if (c->value->failed)
		call_no_memory(c);
	else
		call_again(c);
}

/* The first step: add to the number that is there, or to 0. */
static void
compute_sum(struct call *c, int64_t by)
{
	int64_t n = 0;

	if (find(c, c->arg[1], &c->expires_ns) && !number_parse(buffer_bytes(c->value), &n))
		reply_error(c->out, "value is not an integer or out of range");
	else if (__builtin_add_overflow(n, by, &c->number))
		reply_error(c->out, "increment or decrement would overflow");
	else
		call_again(c);
}

/* The second: write it. */
static void
write_sum(struct call *c)
{
	char text[24];
	struct bytes sum = { .data = text };

	sum.len = (size_t)snprintf(text, sizeof(text), "%" PRId64, c->number);
	if (put(c, c->arg[1], sum, c->expires_ns))
		reply_integer(c->out, c->number);
}

static void
add(struct call *c, int64_t by)
{
	if (c->step == 0)
		compute_sum(c, by);
	else
		write_sum(c);
}

void
cmd_incr(struct call *c)
{
	add(c, 1);
}

void
cmd_decr(struct call *c)
{
	add(c, -1);
}

void
cmd_incrby(struct call *c)
{
	int64_t by;

	if (number_parse(c->arg[2], &by))
		add(c, by);
	else
		reply_error(c->out, "value is not an integer or out of range");
}

void
cmd_decrby(struct call *c)
{
	int64_t by;

	if (!number_parse(c->arg[2], &by))
		reply_error(c->out, "value is not an integer or out of range");
	else if (by == INT64_MIN)
		reply_error(c->out, "decrement would overflow");
	else
		add(c, -by);
}
