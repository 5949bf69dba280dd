/* SPDX-License-Identifier: MIT */
/*
 * Commands on values.  Those that change a value read it, make another and write that: two calls of
 * the store, made one by the lock that command_run() has taken.
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
	reply_array(c->out, c->n_args - 1);
	for (size_t i = 1; i < c->n_args && !c->out->failed; i++)
		reply_found(c, find(c, c->arg[i], NULL));
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

void
cmd_set(struct call *c)
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
	if (o.keeps_ttl)
		o.expires_ns = old_expires_ns;
	if (put(c, c->arg[1], c->arg[2], o.expires_ns))
		reply_status(c->out, "OK");
}

void
cmd_setnx(struct call *c)
{
	if (exists(c, c->arg[1]))
		reply_integer(c->out, 0);
	else if (put(c, c->arg[1], c->arg[2], 0))
		reply_integer(c->out, 1);
}

void
cmd_getset(struct call *c)
{
	bool is_there = find(c, c->arg[1], NULL);

	if (put(c, c->arg[1], c->arg[2], 0))
		reply_found(c, is_there);
}

/* ------------------------------------------------------------------ many at once */

/* All pairs.  Without memory for all, some are written: as much as can be done then. */
static bool
put_pairs(struct call *c)
{
	for (size_t i = 1; i < c->n_args; i += 2) {
		if (!put(c, c->arg[i], c->arg[i + 1], 0))
			return false;
	}
	return true;
}

void
cmd_mset(struct call *c)
{
	if (c->n_args % 2 == 0)
		call_wrong_arity(c);
	else if (put_pairs(c))
		reply_status(c->out, "OK");
}

void
cmd_msetnx(struct call *c)
{
	if (c->n_args % 2 == 0) {
		call_wrong_arity(c);
		return;
	}
	for (size_t i = 1; i < c->n_args; i += 2) {
		if (exists(c, c->arg[i])) {
			reply_integer(c->out, 0);
			return;
		}
	}
	if (put_pairs(c))
		reply_integer(c->out, 1);
}

/* --------------------------------------------------------- read, change and write */

void
cmd_append(struct call *c)
{
	uint64_t expires_ns = 0;

	if (!find(c, c->arg[1], &expires_ns))
		buffer_reset(c->value, SIZE_MAX);
	if (buffer_len(c->value) + c->arg[2].len > REQUEST_BULK_MAX) {
		reply_error(c->out, "string exceeds maximum allowed size");
		return;
	}
	buffer_append(c->value, c->arg[2].data, c->arg[2].len);
	if (c->value->failed)
		call_no_memory(c);
	else if (put(c, c->arg[1], buffer_bytes(c->value), expires_ns))
		reply_integer(c->out, (int64_t)buffer_len(c->value));
}

/* Add to the number that is there, or to 0. */
static void
add(struct call *c, int64_t by)
{
	char text[24];
	struct bytes sum = { .data = text };
	uint64_t expires_ns = 0;
	int64_t n = 0;

	if (find(c, c->arg[1], &expires_ns) && !number_parse(buffer_bytes(c->value), &n)) {
		reply_error(c->out, "value is not an integer or out of range");
		return;
	}
	if (__builtin_add_overflow(n, by, &n)) {
		reply_error(c->out, "increment or decrement would overflow");
		return;
	}
	sum.len = (size_t)snprintf(text, sizeof(text), "%" PRId64, n);
	if (put(c, c->arg[1], sum, expires_ns))
		reply_integer(c->out, n);
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
