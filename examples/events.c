/* SPDX-License-Identifier: MIT */
/*
 * Events: a history, a hook that refuses, a log, and an order of locks that would hang one day.
 *
 * Two clerks move money between a branch's accounts and its vault, one taking the account first, the other
 * the vault.  They never meet here, but the manager learns the two orders and says so.
 */
#include <stdio.h>
#include <string.h>

#include <latchkey.h>

struct office {
	unsigned refused;
	unsigned warnings;
};

/* Nobody but the auditor may touch the ledger. */
static int
guard(void *arg, const struct lk_event *e)
{
	struct office *office = arg;

	if (e->kind != LK_EVENT_BEFORE_ACQUIRE || e->name_len != 6 ||
	    memcmp(e->name, "ledger", 6) != 0 || strcmp(e->owner_label, "auditor") == 0)
		return 0;
	office->refused++;
	return 1;
}

static void
print_line(void *arg, enum lk_log_level level, const char *line)
{
	struct office *office = arg;

	office->warnings += level == LK_LOG_WARN;
	printf("log: %s\n", line);
}

static struct lk_owner *
open_clerk(struct lk_manager *m, const char *label)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w = NULL;

	o.label = label;
	return lk_owner_open(m, &o, &w) == 0 ? w : NULL;
}

/* Take one, then the other, and give both back; 0, or the first code. */
static int
work(struct lk_manager *m, const char *label, const char *first, const char *second)
{
	struct lk_owner *w = open_clerk(m, label);
	int rc;

	if (w == NULL)
		return LK_E_NOMEM;
	rc = lk_acquire(w, first, LK_X, NULL, NULL);
	if (rc == 0 && second != NULL)
		rc = lk_acquire(w, second, LK_X, NULL, NULL);
	if (lk_owner_close(w) != 0)
		return LK_E_STALE;
	return rc;
}

/* Somebody has the vault for too long. */
static int
wait_in_vain(struct lk_manager *m)
{
	struct lk_options patience = LK_OPTIONS_INIT;
	struct lk_owner *slow = open_clerk(m, "slow");
	struct lk_owner *other = open_clerk(m, "other");
	int rc;

	if (slow == NULL || other == NULL || lk_acquire(slow, "vault", LK_X, NULL, NULL) != 0)
		return LK_E_NOMEM;
	patience.timeout_ns = 2000000;
	rc = lk_acquire(other, "vault", LK_S, &patience, NULL);
	if (lk_owner_close(slow) != 0 || lk_owner_close(other) != 0)
		return LK_E_STALE;
	return rc;
}

static int
print_history(struct lk_manager *m)
{
	struct lk_event_filter latest = LK_EVENT_FILTER_INIT;

	latest.newest = 6;
	printf("\nthe latest six events:\n");
	if (lk_history(m, &latest, LK_TEXT, lk_write_file, stdout) != 0)
		return -1;
	latest.kinds = LK_EVENT_ORDER | LK_EVENT_REFUSED;
	printf("\nwhat went wrong, as JSON:\n");
	return lk_history(m, &latest, LK_JSON, lk_write_file, stdout);
}

static int
check(const char *what, int rc, int expected)
{
	if (rc == expected)
		return 0;
	fprintf(stderr, "events: %s: %s; %s\n", what, lk_errname(rc), lk_advice(rc));
	return 1;
}

int
main(void)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct office office = { 0 };
	struct lk_manager *m;
	int failed;

	cfg.flags = LK_DEBUG_ORDER;
	cfg.events = LK_EVENTS_ALL;
	cfg.on_event = guard;
	cfg.on_event_arg = &office;
	cfg.on_log = print_line;
	cfg.on_log_arg = &office;
	cfg.log_level = LK_LOG_WARN;
	if (check("open", lk_open("memory:", &cfg, &m), 0) != 0)
		return 1;
	failed = check("a clerk", work(m, "anna", "accounts/17", "vault"), 0);
	failed += check("another", work(m, "ben", "vault", "accounts/23"), 0);
	failed += check("the ledger", work(m, "ben", "ledger", NULL), LK_E_PERM);
	failed += check("the ledger", work(m, "auditor", "ledger", NULL), 0);
	failed += check("the vault", wait_in_vain(m), LK_E_TIMEDOUT);
	failed += check("history", print_history(m), 0);
	failed += check("close", lk_close(m), 0);
	/* The inversion, the refusal, the timeout. */
	if (office.refused != 1 || office.warnings != 3) {
		fprintf(stderr, "events: %u refused, %u warnings\n", office.refused,
			office.warnings);
		failed++;
	}
	return failed != 0;
}
