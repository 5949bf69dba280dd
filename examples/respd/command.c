/* SPDX-License-Identifier: MIT */
/*
 * The table of commands, and how one begins and goes on.
 *
 * The columns of locks are the whole of the server's isolation; locks.c turns them into names.
 */
#include "command.h"
#include "reply.h"
#include "transaction.h"

/* Locks of a command: none, its keys, its database, or all; or those of a whole transaction. */
#define NONE           LOCK_NOTHING, LK_NL, 0, 0, 0
#define ONE(mode)      LOCK_KEYS, mode, 1, 1, 1
#define TWO(mode)      LOCK_KEYS, mode, 1, 2, 1
#define EACH(mode)     LOCK_KEYS, mode, 1, -1, 1
#define PAIRS(mode)    LOCK_KEYS, mode, 1, -1, 2
#define DATABASE(mode) LOCK_DB, mode, 0, 0, 0
#define ALL(mode)      LOCK_ALL_DBS, mode, 0, 0, 0
#define PARTS          LOCK_PARTS, LK_NL, 0, 0, 0

const struct command command_table[] = {
	{ "get", 2, ONE(LK_S), cmd_get },
	{ "set", -3, ONE(LK_X), cmd_set },
	{ "setnx", 3, ONE(LK_X), cmd_setnx },
	{ "getset", 3, ONE(LK_X), cmd_getset },
	{ "strlen", 2, ONE(LK_S), cmd_strlen },
	{ "append", 3, ONE(LK_X), cmd_append },
	{ "incr", 2, ONE(LK_X), cmd_incr },
	{ "decr", 2, ONE(LK_X), cmd_decr },
	{ "incrby", 3, ONE(LK_X), cmd_incrby },
	{ "decrby", 3, ONE(LK_X), cmd_decrby },
	{ "mget", -2, EACH(LK_S), cmd_mget },
	{ "mset", -3, PAIRS(LK_X), cmd_mset },
	{ "msetnx", -3, PAIRS(LK_X), cmd_msetnx },
	{ "del", -2, EACH(LK_X), cmd_del },
	{ "unlink", -2, EACH(LK_X), cmd_del },
	{ "exists", -2, EACH(LK_S), cmd_exists },
	{ "rename", 3, TWO(LK_X), cmd_rename },
	{ "renamenx", 3, TWO(LK_X), cmd_renamenx },
	{ "expire", 3, ONE(LK_X), cmd_expire },
	{ "pexpire", 3, ONE(LK_X), cmd_pexpire },
	{ "persist", 2, ONE(LK_X), cmd_persist },
	{ "ttl", 2, ONE(LK_S), cmd_ttl },
	{ "pttl", 2, ONE(LK_S), cmd_pttl },
	{ "dbsize", 1, DATABASE(LK_S), cmd_dbsize },
	{ "keys", 2, DATABASE(LK_S), cmd_keys },
	{ "flushdb", -1, DATABASE(LK_X), cmd_flushdb },
	{ "flushall", -1, ALL(LK_X), cmd_flushall },
	{ "multi", 1, NONE, cmd_multi },
	{ "exec", 1, PARTS, cmd_exec },
	{ "discard", 1, NONE, cmd_discard },
	{ "ping", -1, NONE, cmd_ping },
	{ "echo", 2, NONE, cmd_echo },
	{ "select", 2, NONE, cmd_select },
	{ "quit", -1, NONE, cmd_quit },
	{ "command", -1, NONE, cmd_command },
	{ "config", -2, NONE, cmd_config },
	{ "client", -2, NONE, cmd_client },
	{ "info", -1, NONE, cmd_info },
};
const size_t command_table_len = sizeof(command_table) / sizeof(command_table[0]);

const struct command *
command_find(struct bytes name)
{
	for (size_t i = 0; i < command_table_len; i++) {
		if (bytes_is(name, command_table[i].name))
			return &command_table[i];
	}
	return NULL;
}

void
call_wrong_arity(struct call *c)
{
	reply_error(c->out, "wrong number of arguments for '%s' command", c->command->name);
}

void
call_no_memory(struct call *c)
{
	reply_error(c->out, "out of memory");
}

static bool
has_right_arity(const struct call *c)
{
	int arity = c->command->arity;

	return arity < 0 ? c->n_args >= (size_t)-arity : c->n_args == (size_t)arity;
}

static void
refuse_unknown(struct call *c)
{
	int len = c->arg[0].len < 128 ? (int)c->arg[0].len : 128;

	reply_error(c->out, "unknown command '%.*s'", len, c->arg[0].data);
}

void
command_refuse(struct call *c, int rc)
{
	if (rc == LK_E_NAME)
		reply_error(c->out,
			    "key is too long: escaped, the name of its lock has more "
			    "than %d bytes",
			    LK_NAME_MAX);
	else
		reply_error(c->out, "lock: %s", lk_strerror(rc));
}

/* Is there such a command?  False: the client has been told. */
static bool
is_known(struct call *c)
{
	c->command = command_find(c->arg[0]);
	if (c->command == NULL)
		refuse_unknown(c);
	else if (!has_right_arity(c))
		call_wrong_arity(c);
	else
		return true;
	return false;
}

bool
command_begin(struct call *c)
{
	if (!is_known(c)) {
		transaction_spoil(c->transaction);
		return false;
	}
	return !transaction_keeps(c->transaction, c);
}

bool
command_go_on(struct call *c, size_t n_steps)
{
	for (size_t i = 0; i < n_steps; i++) {
		c->goes_on = false;
		c->command->run(c);
		if (!c->goes_on)
			return true;
		c->step++;
	}
	return false;
}
