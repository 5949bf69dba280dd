/* SPDX-License-Identifier: MIT */
/* Commands: what each is called, what it takes, what it locks, and who carries it out. */
#ifndef RESPD_COMMAND_H
#define RESPD_COMMAND_H

#include <latchkey.h>

#include "buffer.h"
#include "locks.h"
#include "store.h"

struct server;
struct transaction;

/*
 * One command being carried out, in steps: its handler is called once for each.  A step is one call
 * of the store, or what is as short; others may have their turn before the next one.  All that
 * the command's row says is locked before the first step, and stays so until after the last: the
 * handler itself knows nothing of locks.
 */
struct call {
	struct server *server;
	struct store *store;
	unsigned db;  /* of the connection; SELECT changes it */
	bool is_last; /* set by QUIT: the connection ends */
	const struct command *command;
	const struct bytes *arg; /* the command's name is the first */
	size_t n_args;
	struct buffer *out;              /* where the reply goes */
	struct buffer *value;            /* for a copy of a value */
	struct transaction *transaction; /* the connection's; NULL in a part of one */

	/* From step to step.  All of it begins as zero. */
	size_t step;  /* those that are done */
	bool goes_on; /* there is one more: call_again() */
	bool is_there;
	int64_t number;
	uint64_t expires_ns;
};

struct command {
	const char *name;
	int arity; /* arguments, the name included; -N: at least N */
	enum lock_scope scope;
	lk_mode mode;
	/* Which arguments are keys: the first, the last (-1: the last there is), the step. */
	int first_key;
	int last_key;
	int key_step;
	void (*run)(struct call *c);
};

extern const struct command command_table[];
extern const size_t command_table_len;

/* The command of this name, or NULL. */
const struct command *command_find(struct bytes name);

/*
 * Look up what `c` asks for, of which nothing but `command` and what goes from step to step is
 * missing.  False: it has been answered: refused, or kept for a transaction.
 */
bool command_begin(struct call *c);

/* It cannot have its locks: say so. */
void command_refuse(struct call *c, int rc);

/* Go on for at most `n_steps`.  True: it is done. */
bool command_go_on(struct call *c, size_t n_steps);

/* Handlers: see the table.  In strings.c, … */
void cmd_get(struct call *c);
void cmd_set(struct call *c);
void cmd_setnx(struct call *c);
void cmd_getset(struct call *c);
void cmd_strlen(struct call *c);
void cmd_append(struct call *c);
void cmd_incr(struct call *c);
void cmd_decr(struct call *c);
void cmd_incrby(struct call *c);
void cmd_decrby(struct call *c);
void cmd_mget(struct call *c);
void cmd_mset(struct call *c);
void cmd_msetnx(struct call *c);

/* … in keys.c, … */
void cmd_del(struct call *c);
void cmd_exists(struct call *c);
void cmd_rename(struct call *c);
void cmd_renamenx(struct call *c);
void cmd_expire(struct call *c);
void cmd_pexpire(struct call *c);
void cmd_persist(struct call *c);
void cmd_ttl(struct call *c);
void cmd_pttl(struct call *c);
void cmd_dbsize(struct call *c);
void cmd_flushdb(struct call *c);
void cmd_flushall(struct call *c);
void cmd_keys(struct call *c);

/* … in transaction.c, … */
void cmd_multi(struct call *c);
void cmd_exec(struct call *c);
void cmd_discard(struct call *c);

/* … and in admin.c. */
void cmd_ping(struct call *c);
void cmd_echo(struct call *c);
void cmd_select(struct call *c);
void cmd_quit(struct call *c);
void cmd_command(struct call *c);
void cmd_config(struct call *c);
void cmd_client(struct call *c);
void cmd_info(struct call *c);

/* Helpers of the handlers.  There is one more step: */
static inline void
call_again(struct call *c)
{
	c->goes_on = true;
}

void call_wrong_arity(struct call *c);
void call_no_memory(struct call *c);

/* The number of a database.  False: it is none, and `*why` says so. */
bool call_database(struct bytes text, unsigned *db, const char **why);

/* Seconds or milliseconds from now to a time of expiry.  False, with the error said: no such time. */
bool call_expiry(struct call *c, struct bytes text, int64_t unit_ns, uint64_t *expires_ns);

#endif /* RESPD_COMMAND_H */
