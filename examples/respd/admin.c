/* SPDX-License-Identifier: MIT */
/* Commands that touch no key: the connection, and the server itself. */
#include <inttypes.h>

#include "command.h"
#include "glob.h"
#include "number.h"
#include "reply.h"
#include "server.h"
#include "stats.h"

static struct bytes
word(const char *text)
{
	return (struct bytes){ .data = text, .len = strlen(text) };
}

void
cmd_ping(struct call *c)
{
	if (c->n_args > 2)
		call_wrong_arity(c);
	else if (c->n_args == 2)
		reply_bulk(c->out, c->arg[1]);
	else
		reply_status(c->out, "PONG");
}

void
cmd_echo(struct call *c)
{
	reply_bulk(c->out, c->arg[1]);
}

bool
call_database(struct bytes text, unsigned *db, const char **why)
{
	int64_t n;

	if (!number_parse(text, &n))
		*why = "value is not an integer or out of range";
	else if (n < 0 || n >= STORE_N_DBS)
		*why = "DB index is out of range";
	else
		*db = (unsigned)n;
	return *why == NULL;
}

void
cmd_select(struct call *c)
{
	const char *why = NULL;

	if (call_database(c->arg[1], &c->db, &why))
		reply_status(c->out, "OK");
	else
		reply_error(c->out, "%s", why);
}

void
cmd_quit(struct call *c)
{
	reply_status(c->out, "OK");
	c->is_last = true;
}

static void
unknown_subcommand(struct call *c)
{
	int len = c->arg[1].len < 128 ? (int)c->arg[1].len : 128;

	reply_error(c->out, "unknown subcommand '%.*s' of '%s'", len, c->arg[1].data,
		    c->command->name);
}

/* --------------------------------------------------------------------- COMMAND */

/* A command as COMMAND describes it: name, arity, flags, and where its keys are. */
static void
describe(struct buffer *out, const struct command *command)
{
	reply_array(out, 6);
	reply_bulk(out, word(command->name));
	reply_integer(out, command->arity);
	reply_array(out, 1);
	reply_status(out, command->mode == LK_X ? "write" : "readonly");
	reply_integer(out, command->first_key);
	reply_integer(out, command->last_key);
	reply_integer(out, command->key_step);
}

void
cmd_command(struct call *c)
{
	if (c->n_args == 1) {
		reply_array(c->out, command_table_len);
		for (size_t i = 0; i < command_table_len; i++)
			describe(c->out, &command_table[i]);
	} else if (bytes_is(c->arg[1], "count")) {
		reply_integer(c->out, (int64_t)command_table_len);
	} else if (bytes_is(c->arg[1], "docs")) {
		reply_array(c->out, 0);
	} else {
		unknown_subcommand(c);
	}
}

/* -------------------------------------------------------------- CONFIG and CLIENT */

/* What programs ask about before they measure or inspect a server; nothing of it can be changed. */
static const struct setting {
	const char *name;
	const char *value;
} settings[] = {
	{ "save", "" },
	{ "appendonly", "no" },
	{ "databases", "16" },
	{ "maxmemory", "0" },
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* Is it asked for by any of CONFIG GET's patterns? */
static bool
is_wanted(const struct call *c, const struct setting *setting)
{
	for (size_t i = 2; i < c->n_args; i++) {
		if (glob_matches(c->arg[i], word(setting->name)))
			return true;
	}
	return false;
}

void
cmd_config(struct call *c)
{
	size_t n = 0;

	if (!bytes_is(c->arg[1], "get")) {
		unknown_subcommand(c);
		return;
	}
	if (c->n_args == 2) {
		call_wrong_arity(c);
		return;
	}
	for (size_t i = 0; i < N_SETTINGS; i++)
		n += is_wanted(c, &settings[i]);
	reply_array(c->out, 2 * n);
	for (size_t i = 0; i < N_SETTINGS; i++) {
		if (is_wanted(c, &settings[i])) {
			reply_bulk(c->out, word(settings[i].name));
			reply_bulk(c->out, word(settings[i].value));
		}
	}
}

/* Names of connections are accepted and forgotten. */
void
cmd_client(struct call *c)
{
	if (bytes_is(c->arg[1], "setname") || bytes_is(c->arg[1], "setinfo"))
		reply_status(c->out, "OK");
	else if (bytes_is(c->arg[1], "getname"))
		reply_null(c->out);
	else
		unknown_subcommand(c);
}

/* ------------------------------------------------------------------------ INFO */

static void
info_server(struct call *c)
{
	const struct server *s = c->server;

	buffer_printf(c->value, "latchkey_version:%s\r\n", lk_version());
	buffer_printf(c->value, "locks:%s\r\n", s->locks != NULL ? "yes" : "no");
	buffer_printf(c->value, "tcp_port:%u\r\n", (unsigned)s->port);
	buffer_printf(c->value, "mode:%s\r\n", s->settings.is_async ? "async" : "threads");
	buffer_printf(c->value, "threads:%zu\r\n", s->settings.n_threads);
	buffer_printf(c->value, "stripes:%zu\r\n", s->settings.n_stripes);
	buffer_printf(c->value, "uptime_in_seconds:%" PRIu64 "\r\n",
		      (store_now() - s->started_ns) / 1000000000u);
}

static void
info_clients(struct call *c)
{
	buffer_printf(c->value, "connected_clients:%zu\r\n", atomic_load(&c->server->n_clients));
	buffer_printf(c->value, "maxclients:%zu\r\n", c->server->max_clients);
	if (c->server->settings.is_async)
		buffer_printf(c->value, "blocked_clients:%zu\r\n", c->server->n_waiting);
}

static void
info_latchkey(struct call *c)
{
	struct counter counter[STATS_N];

	if (c->server->locks == NULL || stats_read(c->server->locks, counter) != 0)
		return;
	for (size_t i = 0; i < STATS_N; i++)
		buffer_printf(c->value, "%s:%" PRIu64 "\r\n", counter[i].name, counter[i].value);
}

/* Without a lock: about as many.  DBSIZE is exact. */
static void
info_keyspace(struct call *c)
{
	for (unsigned db = 0; db < STORE_N_DBS; db++) {
		size_t n = 0;

		for (size_t i = 0; i < store_n_stripes(c->store); i++)
			n += store_count(c->store, db, i);
		if (n > 0)
			buffer_printf(c->value, "db%u:keys=%zu\r\n", db, n);
	}
}

static const struct section {
	const char *name;
	void (*print)(struct call *c);
} sections[] = {
	{ "Server", info_server },
	{ "Clients", info_clients },
	{ "Latchkey", info_latchkey },
	{ "Keyspace", info_keyspace },
};

/* INFO, or INFO SECTION. */
void
cmd_info(struct call *c)
{
	buffer_reset(c->value, SIZE_MAX);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (c->n_args > 1 && !bytes_is(c->arg[1], sections[i].name))
			continue;
		buffer_printf(c->value, "%s# %s\r\n", buffer_len(c->value) > 0 ? "\r\n" : "",
			      sections[i].name);
		sections[i].print(c);
	}
	reply_bulk(c->out, buffer_bytes(c->value));
}
