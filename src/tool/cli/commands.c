/* SPDX-License-Identifier: MIT */
/* The table of commands. */
#include <stddef.h>

#include "cli.h"
#include "commands.h"

const struct option common_options[] = {
	{ "store", "URL", "where the locks are: file:DIR, sqlite:PATH, redis://HOST, …" },
	{ "dir", "DIR", "short for --store file:DIR" },
	{ "json", NULL, "answers as JSON" },
	{ "help", NULL, "what a command does" },
	{ "version", NULL, "which version this is" },
	{ NULL, NULL, NULL },
};

static const struct option run_options[] = {
	{ "mode", "MODE", "IS, IX, S, SIX, U or X; without it X" },
	{ "wait", "TIME", "give up after so long, as 500ms, 5s, 1.5h" },
	{ "nowait", NULL, "give up at once" },
	{ "lease", "TIME", "renewed while the command runs" },
	{ "lost", "WHAT", "when a lock is lost: kill the command (default), warn, or ignore it" },
	{ "grace", "TIME", "after a loss, between TERM and KILL; without it 5s" },
	{ "semaphore", "N", "of the name there are N, and the command takes one" },
	{ "units", "N", "… or so many" },
	{ NULL, NULL, NULL },
};

static const struct option acquire_options[] = {
	{ "mode", "MODE", "IS, IX, S, SIX, U or X; without it X" },
	{ "wait", "TIME", "give up after so long, as 500ms, 5s, 1.5h" },
	{ "nowait", NULL, "give up at once" },
	{ "lease", "TIME", "needed: it ends after so long, unless it is renewed" },
	{ NULL, NULL, NULL },
};

static const struct option renew_options[] = {
	{ "lease", "TIME", "so long from now on; without it, as long as before" },
	{ NULL, NULL, NULL },
};

static const struct option why_options[] = {
	{ "mode", "MODE", "IS, IX, S, SIX, U or X; without it X" },
	{ NULL, NULL, NULL },
};

static const struct option watch_options[] = {
	{ "every", "TIME", "look so often, whatever the store hints; without it 1s" },
	{ NULL, NULL, NULL },
};

static const struct option top_options[] = {
	{ "every", "TIME", "a page so often; without it 1s" },
	{ "once", NULL, "one page, of what happened within that time" },
	{ "sort", "WHAT", "what comes first: waiters (default), grants, holds, or names" },
	{ NULL, NULL, NULL },
};

static const struct option repair_options[] = {
	{ "write", NULL, "do it; without it, only say what would be done" },
	{ "force", NULL, "also what somebody alive may hold" },
	{ NULL, NULL, NULL },
};

static const struct option break_options[] = {
	{ "yes", NULL, "do not ask" },
	{ NULL, NULL, NULL },
};

static const struct option bench_options[] = {
	{ "time", "TIME", "how long; without it 1s" },
	{ "threads", "N", "that lock at the same time; without it 1" },
	{ "shared", NULL, "all lock one name" },
	{ "kept", NULL, "a name stays with this process, as it does in other programs" },
	{ NULL, NULL, NULL },
};

static const struct option migrate_options[] = {
	{ "from", "URL", "the store that they are in; without it, as --store" },
	{ "to", "URL", "the store that they go to: new, or without locks" },
	{ "dry-run", NULL, "only look, and say what there is" },
	{ "timeout", "TIME", "give up after so long; without it 1m" },
	{ "freeze", "TIME", "so long at a time names are kept from others; without it 2s" },
	{ NULL, NULL, NULL },
};

static const struct option stdio_options[] = {
	{ "cleanup-ms", "N", "drop what is over every N milliseconds" },
	{ NULL, NULL, NULL },
};

const struct command commands[] = {
	{
		.name = "run",
		.operands = "NAME… -- COMMAND…",
		.summary = "run a command under one lock, or several, all or none",
		.help = "The command finds LATCHKEY_NAME, LATCHKEY_FENCE and LATCHKEY_TOKEN in its "
			"environment; of\n"
			"several names, LATCHKEY_NAME_1, … besides.  Its code is passed on.",
		.options = run_options,
		.least = 1,
		.most = -1,
		.starts = true,
		.run = run_run,
	},
	{
		.name = "acquire",
		.operands = "NAME",
		.summary = "take a lock that outlives this process, and print its token",
		.help = "Whoever has the token, in whatever process, can check, renew and release "
			"it.",
		.options = acquire_options,
		.least = 1,
		.most = 1,
		.run = acquire_run,
	},
	{
		.name = "renew",
		.operands = "TOKEN",
		.summary = "begin the lease of such a lock anew",
		.options = renew_options,
		.least = 1,
		.most = 1,
		.run = renew_run,
	},
	{
		.name = "release",
		.operands = "TOKEN",
		.summary = "give such a lock back",
		.least = 1,
		.most = 1,
		.run = release_run,
	},
	{
		.name = "check",
		.operands = "TOKEN",
		.summary = "is such a lock held? 1: no, 79: it was lost",
		.least = 1,
		.most = 1,
		.run = check_run,
	},
	{
		.name = "stdio",
		.operands = "",
		.summary = "serve another program: a JSON object a line in, one out",
		.help = "See latchkey(1) for the requests.",
		.options = stdio_options,
		.run = stdio_run,
	},
	{
		.name = "ls",
		.operands = "[PATTERN]",
		.summary = "who holds what, and who waits",
		.help = "Processes, as the store knows them: one also has what it only keeps until "
			"another one asks for it.\n"
			"A pattern has * and ? within a segment, and ** for any number of "
			"segments.",
		.most = 1,
		.run = ls_run,
	},
	{
		.name = "tree",
		.operands = "[PATTERN]",
		.summary = "the same as a tree of the names",
		.most = 1,
		.run = tree_run,
	},
	{
		.name = "why",
		.operands = "NAME",
		.summary = "who is in the way of a lock; 1 if somebody is",
		.options = why_options,
		.least = 1,
		.most = 1,
		.run = why_run,
	},
	{
		.name = "watch",
		.operands = "[PATTERN]",
		.summary = "what happens, as lines, until a signal comes",
		.options = watch_options,
		.most = 1,
		.run = watch_run,
	},
	{
		.name = "top",
		.operands = "[PATTERN]",
		.summary = "which names are in demand, again and again",
		.help = "How many hold and wait, how often each name was granted, and how long "
			"waits and holds took, as seen\n"
			"from outside: by looking at the store when it says that something has "
			"changed.\n"
			"On a terminal it is a page that is drawn anew: q ends it; w, g, h, n put "
			"waiters, grants, holds, names first.\n"
			"Elsewhere pages follow each other.",
		.options = top_options,
		.most = 1,
		.run = top_run,
	},
	{
		.name = "stats",
		.operands = "",
		.summary = "how much there is of everything",
		.run = stats_run,
	},
	{
		.name = "metrics",
		.operands = "",
		.summary = "the same as OpenMetrics text",
		.run = metrics_run,
	},
	{
		.name = "fence",
		.operands = "NAME",
		.summary = "the latest fence of a name that was handed out, or reserved",
		.least = 1,
		.most = 1,
		.run = fence_run,
	},
	{
		.name = "check-health",
		.operands = "",
		.summary = "is all well with the store?",
		.run = health_run,
	},
	{
		.name = "repair",
		.operands = "[NAME]",
		.summary = "make damaged records anew: all, or one",
		.options = repair_options,
		.most = 1,
		.run = repair_run,
	},
	{
		.name = "break",
		.operands = "NAME",
		.summary = "take a lock from whoever has it, with fences above theirs",
		.options = break_options,
		.least = 1,
		.most = 1,
		.run = break_run,
	},
	{
		.name = "config",
		.operands = "get [SETTING] | set SETTING VALUE",
		.summary = "settings: what is in force, and what is stored with the locks",
		.help = "What is stored counts for all who open the store and say nothing else; "
			"who has it open keeps what he has.\n"
			"`config set SETTING default` takes away what is stored.",
		.least = 1,
		.most = 3,
		.run = config_run,
	},
	{
		.name = "guarantee",
		.operands = "",
		.summary = "what the locks of a store are good for",
		.run = guarantee_run,
	},
	{
		.name = "doctor",
		.operands = "",
		.summary = "what is installed, what the store promises, and one round trip",
		.run = doctor_run,
	},
	{
		.name = "bench",
		.operands = "",
		.summary = "how fast the store is",
		.options = bench_options,
		.run = bench_run,
	},
	{
		.name = "sweep",
		.operands = "",
		.summary = "drop what nobody needs any more",
		.run = sweep_run,
	},
	{
		.name = "migrate",
		.operands = "",
		.summary = "move the locks of one store to another, while they are used",
		.help = "What processes hold is waited for; then they find that the locks have "
			"moved, and open the new store.\n"
			"It may be run again at any time, also after it was killed.",
		.options = migrate_options,
		.run = migrate_run,
	},
	{
		.name = "help",
		.operands = "[COMMAND]",
		.summary = "what there is, or what a command does",
		.most = 1,
		.run = help_run,
	},
	{ .name = NULL },
};
