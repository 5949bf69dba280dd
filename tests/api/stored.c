/* SPDX-License-Identifier: MIT */
/* Settings that are stored with the locks: a default for all who open the store. */
#include <latchkey/stored.h>

#include "pair.h"

/* A place without managers: only what is stored. */
struct place {
	struct pair p;
	struct lk_store *store;
};

static void
place_open(struct place *x, int store)
{
	x->p = (struct pair){ .url = "test:pair?as=a" };
	if (store == 1) {
		strcpy(x->p.folder, "/tmp/lk-pair-XXXXXX");
		cr_assert_not_null(mkdtemp(x->p.folder));
		snprintf(x->p.url, sizeof(x->p.url), "file:%s/s?stripes=2", x->p.folder);
	}
	ok(lk_store_open(x->p.url, NULL, &x->store));
}

static void
place_close(struct place *x)
{
	lk_store_close(x->store);
	pair_remove(&x->p);
}

static void
in_each(void (*test)(struct place *x))
{
	for (int store = 0; store < PAIR_STORES; store++) {
		struct place x;

		place_open(&x, store);
		test(&x);
		place_close(&x);
	}
}

static int
set(struct place *x, const char *name, const char *value, char why[256])
{
	return lk_stored_set(x->store, name, value, why, 256);
}

static void
set_ok(struct place *x, const char *name, const char *value)
{
	char why[256] = "?";

	ok(set(x, name, value, why));
	cr_expect_str_eq(why, "");
}

struct found {
	const char *name;
	char value[LK_CONFIG_TEXT_MAX];
	enum lk_setting_from from;
	int n;
};

static int
find(void *arg, const struct lk_setting *s)
{
	struct found *f = arg;

	f->n++;
	if (strcmp(s->name, f->name) != 0)
		return 0;
	strcpy(f->value, s->value);
	f->from = s->from;
	return 0;
}

static void
is_in_force(const struct place *x, const char *parameters, const char *name, const char *value,
	    enum lk_setting_from from)
{
	struct lk_manager *m = pair_open_one(&x->p, 0, parameters);
	struct found f = { .name = name };

	ok(lk_config_each(m, find, &f));
	cr_expect_str_eq(f.value, value, "%s", name);
	cr_expect_eq(f.from, from, "%s: %d", name, (int)f.from);
	ok(lk_close(m));
}

static int
count(struct place *x)
{
	struct found f = { .name = "" };

	ok(lk_stored_each(x->store, find, &f));
	return f.n;
}

/* ------------------------------------------------------------------------------ tests */

static void
be_defaults(struct place *x)
{
	is_in_force(x, "", "linger_ns", "0", LK_FROM_DEFAULT);
	cr_expect_eq(count(x), 0);
	set_ok(x, "linger_ns", "off");
	set_ok(x, "max_retries", "3");
	set_ok(x, "strict", "1");
	cr_expect_eq(count(x), 3);
	is_in_force(x, "", "linger_ns", "off", LK_FROM_STORE);
	is_in_force(x, "", "max_retries", "3", LK_FROM_STORE);
	is_in_force(x, "", "strict", "1", LK_FROM_STORE);
	is_in_force(x, "", "max_idle", "4096", LK_FROM_DEFAULT);
	set_ok(x, "linger_ns", "off");
	is_in_force(x, "", "linger_ns", "off", LK_FROM_STORE);
	set_ok(x, "linger_ns", "default");
	is_in_force(x, "", "linger_ns", "0", LK_FROM_DEFAULT);
	set_ok(x, "max_retries", NULL);
	set_ok(x, "strict", "");
	cr_expect_eq(count(x), 0);
	is_in_force(x, "", "strict", "0", LK_FROM_DEFAULT);
}

Test(stored, settings_are_defaults_for_all_who_open_the_store, .timeout = 60)
{
	in_each(be_defaults);
}

static void
be_overruled(struct place *x)
{
	set_ok(x, "max_idle", "7");
	set_ok(x, "timeout_ns", "1s");
	is_in_force(x, "&max_idle=9", "max_idle", "9", LK_FROM_CALL);
	is_in_force(x, "&timeout_ns=default", "timeout_ns", "off", LK_FROM_CALL);
	ok(setenv("LATCHKEY_MAX_IDLE", "11", 1));
	is_in_force(x, "", "max_idle", "11", LK_FROM_ENVIRONMENT);
	ok(unsetenv("LATCHKEY_MAX_IDLE"));
	is_in_force(x, "", "max_idle", "7", LK_FROM_STORE);
}

Test(stored, what_is_said_otherwise_counts_more, .timeout = 60)
{
	in_each(be_overruled);
}

static void
count_for_locks(struct place *x)
{
	struct lk_owner *w[2];
	struct lk_manager *m;
	lk_grant g, other;

	set_ok(x, "timeout_ns", "1ms");
	set_ok(x, "separator", ".");
	m = pair_open_one(&x->p, 0, "");
	open_owners(m, w, 2);
	g = get(w[0], "a.b/c", LK_X);
	is(lk_acquire(w[1], "a", LK_X, NULL, &other), LK_E_TIMEDOUT);
	ok(lk_acquire(w[1], "a.b", LK_IX, NULL, &other));
	give(w[1], other);
	give(w[0], g);
	close_all(m, w, 2);
}

Test(stored, settings_count_for_locks, .timeout = 60)
{
	in_each(count_for_locks);
}

static void
be_agreed_on(struct place *x)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	char report[256], why[256], url[128];
	struct lk_manager *m;

	set_ok(x, "separator", ".");
	snprintf(url, sizeof(url), "%s&separator=:", x->p.url);
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	is(lk_open(url, &cfg, &m), LK_E_INVAL);
	cr_expect_not_null(strstr(report, "separator: all must agree in it"), "%s", report);
	is_in_force(x, "&separator=.", "separator", ".", LK_FROM_CALL);
	m = pair_open_one(&x->p, 0, "");
	is(set(x, "separator", ":", why), LK_E_BUSY);
	cr_expect_not_null(strstr(why, "others have the store open"), "%s", why);
	is(set(x, "separator", "default", why), LK_E_BUSY);
	set_ok(x, "max_idle", "7"); /* each for himself */
	ok(lk_close(m));
	set_ok(x, "separator", "default");
	is_in_force(x, "", "separator", "/", LK_FROM_DEFAULT);
}

Test(stored, in_the_separator_all_agree, .timeout = 60)
{
	in_each(be_agreed_on);
}

static void
be_refused(struct place *x)
{
	static const struct {
		const char *name, *value, *says;
		int rc;
	} wrong[] = {
		{ "no_such", "1", "there is no such setting", LK_E_NOENT },
		{ "", "1", "there is no such setting", LK_E_NOENT },
		{ "max_idle", "x", "'x' is not a value of it", LK_E_INVAL },
		{ "max_idle", "99999999999", "is not between", LK_E_INVAL },
		{ "max_idle", "7\nmax_reentry=1", "that is no value", LK_E_INVAL },
		{ "separator", "%", "is used by lk_name_escape", LK_E_INVAL },
		{ "lot_buckets", "7", "not a power of 2", LK_E_INVAL },
		{ "strict", "2", "must be 0 or 1", LK_E_INVAL },
		{ "label", "x", "not stored", LK_E_UNSUPPORTED },
		{ "preset", "x", "not stored", LK_E_UNSUPPORTED },
		{ "manual", "1", "not stored", LK_E_UNSUPPORTED },
		{ "timed", "1", "not stored", LK_E_UNSUPPORTED },
	};
	char why[256], longest[LK_CONFIG_TEXT_MAX + 1];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		is(set(x, wrong[i].name, wrong[i].value, why), wrong[i].rc);
		cr_expect_not_null(strstr(why, wrong[i].says), "%s: %s", wrong[i].name, why);
		is(lk_stored_set(x->store, wrong[i].name, wrong[i].value, NULL, 0), wrong[i].rc);
	}
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	is(set(x, "max_idle", longest, why), LK_E_INVAL);
	is(lk_stored_set(NULL, "max_idle", "1", why, 256), LK_E_INVAL);
	is(lk_stored_set(x->store, NULL, "1", why, 256), LK_E_INVAL);
	is(lk_stored_set(x->store, "max_idle", "1", NULL, 1), LK_E_INVAL);
	is(lk_stored_each(NULL, find, NULL), LK_E_INVAL);
	is(lk_stored_each(x->store, NULL, NULL), LK_E_INVAL);
	cr_expect_eq(count(x), 0, "nothing was stored");
}

Test(stored, what_cannot_be_stored_is_refused, .timeout = 60)
{
	in_each(be_refused);
}

static int
enough(void *arg, const struct lk_setting *s)
{
	(void)arg;
	(void)s;
	return 77;
}

static void
tell_all(struct place *x)
{
	struct found f = { .name = "timeout_ns" };

	set_ok(x, "max_idle", "64k");
	set_ok(x, "timeout_ns", "5ms");
	set_ok(x, "max_idle", "8");
	ok(lk_stored_each(x->store, find, &f));
	cr_expect_str_eq(f.value, "5000000");
	cr_expect_eq(f.from, LK_FROM_STORE);
	cr_expect_eq(f.n, 2);
	is(lk_stored_each(x->store, enough, NULL), 77);
}

Test(stored, all_of_them_are_told, .timeout = 60)
{
	in_each(tell_all);
}

/* ------------------------------------------------------------------------- when it is damaged */

static int
write_text(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	r->fresh = arg;
	r->fresh_len = strlen(arg);
	r->changed = 1;
	return 0;
}

static void
put_text(struct place *x, const char *text)
{
	struct lk_store_record r = { .name = "c", .len = 1, .flags = LK_STORE_DURABLE };

	ok(x->store->ops->update(x->store, &r, 1, write_text, (void *)text, UINT64_MAX));
}

static void
be_damaged(struct place *x)
{
	static const char *const bad[] = {
		"x",
		"latchkey settings 2\n",
		"latchkey settings 1\nmax_idle=7",
		"latchkey settings 1\nmax_idle\n",
		"latchkey settings 1\nmax_idle=x\n",
		"latchkey settings 1\nlabel=x\n",
		"latchkey settings 1\n\n",
	};
	struct lk_config cfg = LK_CONFIG_INIT;
	struct found f = { .name = "" };
	struct lk_manager *m;
	char report[256];

	cfg.report = report;
	cfg.report_cap = sizeof(report);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_text(x, bad[i]);
		is(lk_open(x->p.url, &cfg, &m), LK_E_CORRUPT);
		cr_expect_not_null(strstr(report, "the settings that are stored in it are damaged"),
				   "%s", report);
		is(lk_stored_each(x->store, find, &f), LK_E_CORRUPT);
		cr_expect_eq(f.n, 0);
	}
	set_ok(x, "max_idle", "9"); /* makes it anew */
	is_in_force(x, "", "max_idle", "9", LK_FROM_STORE);
	cr_expect_eq(count(x), 1);
}

Test(stored, what_is_damaged_is_said_and_can_be_written_anew, .timeout = 60)
{
	in_each(be_damaged);
}

static void
be_newer(struct place *x)
{
	put_text(x, "latchkey settings 1\nof_a_later_version=some day\nmax_idle=7\n");
	is_in_force(x, "", "max_idle", "7", LK_FROM_STORE);
	set_ok(x, "max_idle", "default");
	cr_expect_eq(count(x), 0);
	put_text(x, "latchkey settings 1\nmax_idle=7\nof_a_later_version=some day\n");
	set_ok(x, "max_reentry", "8");
	is_in_force(x, "", "max_idle", "7", LK_FROM_STORE);
}

Test(stored, what_a_later_version_stored_stays, .timeout = 60)
{
	in_each(be_newer);
}

Test(stored, a_store_that_does_not_answer_is_not_opened, .timeout = 60)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;
	char report[256];
	struct place x;

	place_open(&x, 0);
	set_ok(&x, "max_idle", "7");
	pair_faults(NULL, (struct lk_test_faults){ .flags = LK_TEST_PARTITIONED });
	is(lk_stored_set(x.store, "max_idle", "8", NULL, 0), LK_E_STORE);
	is(lk_stored_each(x.store, find, NULL), LK_E_STORE);
	pair_faults(NULL, (struct lk_test_faults){ 0 });
	is_in_force(&x, "", "max_idle", "7", LK_FROM_STORE);
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	ok(lk_open("test:pair?as=a&require=guarded", &cfg, &m) == LK_E_UNSUPPORTED ? 0 : 1);
	set_ok(&x, "require", "guarded");
	is(lk_open("test:pair?as=a", &cfg, &m), LK_E_UNSUPPORTED);
	cr_expect_not_null(strstr(report, "require=guarded"), "%s", report);
	place_close(&x);
}
