/* SPDX-License-Identifier: MIT */
/*
 * Settings from a file and from variables: which of them counts, and what is said of a wrong one.  Each test is a
 * process of its own, so no variable leaks into another one.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

enum { REPORT = 256 };

struct file {
	char path[64];
};

/* A file with this text; it goes by file_end(). */
static struct file
file_with(const char *text, size_t len)
{
	struct file f = { "/tmp/latchkey-settings-XXXXXX" };
	int fd = mkstemp(f.path);

	cr_assert_ge(fd, 0);
	cr_assert_eq(write(fd, text, len), (ssize_t)len);
	cr_assert_eq(close(fd), 0);
	return f;
}

static struct file
file_of(const char *text)
{
	return file_with(text, strlen(text));
}

static void
file_end(const struct file *f)
{
	cr_assert_eq(unlink(f->path), 0);
}

static void
value_is(struct lk_manager *m, const char *name, const char *value)
{
	char text[LK_CONFIG_TEXT_MAX];

	ok(lk_config_get(m, name, text, sizeof(text)));
	cr_expect_str_eq(text, value, "%s is %s, not %s", name, text, value);
}

struct wanted {
	const char *name;
	enum lk_setting_from from;
	bool seen;
};

static int
compare_from(void *arg, const struct lk_setting *s)
{
	struct wanted *w = arg;

	if (strcmp(s->name, w->name) == 0) {
		cr_expect_eq(s->from, w->from, "%s is from %d", s->name, (int)s->from);
		w->seen = true;
	}
	return 0;
}

static void
from_is(struct lk_manager *m, const char *name, enum lk_setting_from from)
{
	struct wanted w = { name, from, false };

	ok(lk_config_each(m, compare_from, &w));
	cr_expect(w.seen);
}

/* Open as `cfg` says, and see that it is refused with `code`, in words that have `part` and `other` in them. */
static void
refused(struct lk_config cfg, const char *url, int code, const char *part, const char *other)
{
	struct lk_manager *m = NULL;
	char report[REPORT] = "";

	cfg.report = report;
	cfg.report_cap = sizeof(report);
	is(lk_open(url, &cfg, &m), code);
	cr_expect_null(m);
	cr_expect_not_null(strstr(report, part), "\"%s\" does not name %s", report, part);
	cr_expect_not_null(strstr(report, other), "\"%s\" does not name %s", report, other);
}

static void
refused_file(const char *text, const char *part, const char *other)
{
	struct file f = file_of(text);
	struct lk_config cfg = { .size = sizeof(cfg), .file = f.path };

	refused(cfg, NULL, LK_E_INVAL, part, other);
	refused(cfg, NULL, LK_E_INVAL, f.path, other);
	file_end(&f);
}

Test(layers, each_counts_more_than_those_before)
{
	struct file f = file_of("max_idle = 10\nmax_reentry = 11\nspread_after = 12\n");
	struct lk_config cfg = { .size = sizeof(cfg), .file = f.path, .spread_after = 32 };
	struct lk_manager *m;

	setenv("LATCHKEY_MAX_REENTRY", "21", 1);
	setenv("LATCHKEY_SPREAD_AFTER", "22", 1);
	setenv("LATCHKEY_EVENT_RING", "23", 1);
	ok(lk_open("memory:?event_ring=33", &cfg, &m));
	value_is(m, "index_buckets", "64");
	from_is(m, "index_buckets", LK_FROM_DEFAULT);
	value_is(m, "max_idle", "10");
	from_is(m, "max_idle", LK_FROM_FILE);
	value_is(m, "max_reentry", "21");
	from_is(m, "max_reentry", LK_FROM_ENVIRONMENT);
	value_is(m, "spread_after", "32");
	from_is(m, "spread_after", LK_FROM_CALL);
	value_is(m, "event_ring", "33");
	from_is(m, "event_ring", LK_FROM_CALL);
	ok(lk_close(m));
	file_end(&f);
}

/* Not only told: a variable makes the manager another one. */
Test(layers, take_effect)
{
	struct lk_manager *m;
	struct lk_owner *w;

	setenv("LATCHKEY_MAX_REENTRY", "1", 1);
	m = open_manager(NULL);
	open_owners(m, &w, 1);
	take(w, "n", LK_S);
	is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_LIMIT);
	close_all(m, &w, 1);
	m = open_manager("memory:?max_reentry=off");
	open_owners(m, &w, 1);
	take(w, "n", LK_S);
	take(w, "n", LK_S);
	close_all(m, &w, 1);
}

Test(layers, a_file_is_named_by_a_variable)
{
	struct file f = file_of("max_idle=10"), other = file_of("max_idle=20");
	struct lk_config cfg = { .size = sizeof(cfg), .file = other.path };
	struct lk_manager *m;

	setenv("LATCHKEY_CONFIG", f.path, 1);
	m = open_manager(NULL);
	value_is(m, "max_idle", "10");
	from_is(m, "max_idle", LK_FROM_FILE);
	ok(lk_close(m));
	ok(lk_open(NULL, &cfg, &m));
	value_is(m, "max_idle", "20");
	ok(lk_close(m));
	cfg.file = "";
	ok(lk_open(NULL, &cfg, &m));
	value_is(m, "max_idle", "4096");
	ok(lk_close(m));
	setenv("LATCHKEY_CONFIG", "", 1);
	m = open_manager(NULL);
	value_is(m, "max_idle", "4096");
	ok(lk_close(m));
	file_end(&f);
	file_end(&other);
}

Test(layers, a_program_may_want_none)
{
	struct file f = file_of("max_idle=10");
	struct lk_config cfg = { .size = sizeof(cfg), .flags = LK_NO_ENVIRONMENT };
	struct lk_manager *m;

	setenv("LATCHKEY_CONFIG", "/nonexistent/settings", 1);
	setenv("LATCHKEY_MAX_REENTRY", "nonsense", 1);
	ok(lk_open(NULL, &cfg, &m));
	value_is(m, "max_reentry", "off");
	from_is(m, "max_reentry", LK_FROM_DEFAULT);
	ok(lk_close(m));
	cfg.file = f.path; /* the program's own */
	ok(lk_open(NULL, &cfg, &m));
	value_is(m, "max_idle", "10");
	value_is(m, "max_reentry", "off");
	ok(lk_close(m));
	file_end(&f);
}

Test(layers, flags_can_be_taken_back)
{
	struct lk_config cfg = { .size = sizeof(cfg), .flags = LK_TIMED };
	struct lk_manager *m;

	setenv("LATCHKEY_STRICT", "1", 1);
	setenv("LATCHKEY_TIMED", "0", 1);
	ok(lk_open(NULL, &cfg, &m));
	value_is(m, "strict", "1");
	from_is(m, "strict", LK_FROM_ENVIRONMENT);
	value_is(m, "timed", "1");
	from_is(m, "timed", LK_FROM_CALL);
	ok(lk_close(m));
	m = open_manager("memory:?strict=0");
	value_is(m, "strict", "0");
	value_is(m, "timed", "0");
	from_is(m, "timed", LK_FROM_ENVIRONMENT);
	ok(lk_close(m));
}

Test(layers, default_is_said_and_0_says_nothing)
{
	struct lk_manager *m;

	setenv("LATCHKEY_MAX_IDLE", "10", 1);
	setenv("LATCHKEY_SPIN_NS", "5us", 1);
	setenv("LATCHKEY_MAX_REENTRY", "", 1);
	m = open_manager("memory:?max_idle=0&spin_ns=default");
	value_is(m, "max_idle", "10");
	from_is(m, "max_idle", LK_FROM_ENVIRONMENT);
	value_is(m, "spin_ns", "0");
	from_is(m, "spin_ns", LK_FROM_CALL);
	value_is(m, "max_reentry", "off");
	from_is(m, "max_reentry", LK_FROM_DEFAULT);
	ok(lk_close(m));
}

Test(layers, a_strict_manager_ignores_what_others_say_of_fairness)
{
	struct file f = file_of("fair_after_ns = 5ms\n");
	struct lk_config cfg = { .size = sizeof(cfg), .file = f.path };
	struct lk_manager *m;

	setenv("LATCHKEY_STRICT", "1", 1);
	ok(lk_open(NULL, &cfg, &m));
	ok(lk_close(m));
	setenv("LATCHKEY_FAIR_AFTER_NS", "5ms", 1);
	refused(cfg, NULL, LK_E_INVAL, "LATCHKEY_FAIR_AFTER_NS", "strict");
	file_end(&f);
	refused_file("strict=1\nfair_after_ns=5ms\n", "fair_after_ns", "strict");
}

/* --------------------------------------------------------------------------- files */

Test(layers, a_file_has_comments_and_blanks)
{
	struct file f = file_of("# settings\n"
				"\n"
				"\tmax_idle\t=  64k   # a comment\r\n"
				"  # max_idle = 3\n"
				"separator=.\n"
				"label = my # bank\n"
				"events = slow+busy\n"
				"victim=youngest\n"
				"timeout_ns = 5s\n"
				"max_idle = 65536\n"
				"max_reentry = off");
	struct lk_config cfg = { .size = sizeof(cfg), .file = f.path };
	struct lk_manager *m;

	ok(lk_open(NULL, &cfg, &m));
	value_is(m, "max_idle", "65536");
	value_is(m, "separator", ".");
	value_is(m, "label", "my");
	value_is(m, "events", "slow+busy");
	value_is(m, "victim", "youngest");
	value_is(m, "timeout_ns", "5000000000");
	value_is(m, "max_reentry", "off");
	ok(lk_close(m));
	file_end(&f);
}

Test(layers, a_wrong_line_is_named)
{
	static const struct {
		const char *text, *line, *word;
	} bad[] = {
		{ "max_idle = 1\nmax_idle 2\n", ":2: ", "name = value" },
		{ "nonsense = 1\n", ":1: ", "nonsense" },
		{ "\n\nMAX_IDLE = 1\n", ":3: ", "MAX_IDLE" },
		{ "max_idle = -1", ":1: ", "max_idle" },
		{ "max_idle =\n", ":1: ", "max_idle" },
		{ "max_idle = # 5\n", ":1: ", "max_idle" },
		{ "= 5\n", ":1: ", "name = value" },
		{ "max_idle = 5 5\n", ":1: ", "max_idle" },
		{ "max_idle = 1\nmax_idle = 2\n", ":2: ", "contradicts 1" },
		{ "max_idle = 5s\n", ":1: ", "max_idle" },
		{ "timeout_ns = 5k\n", ":1: ", "timeout_ns" },
		{ "timeout_ns = 5 s\n", ":1: ", "timeout_ns" },
		{ "timeout_ns = 99999999999s\n", ":1: ", "timeout_ns" },
		{ "strict = 1k\n", ":1: ", "strict" },
		{ "victim = default\nvictim = most\n", ":2: ", "victim" },
		{ "separator = a\n", ":1: ", "separator" },
		{ "lot_buckets = 3\n", ":1: ", "lot_buckets" },
		{ "preset = nonsense\n", ":1: ", "nonsense" },
	};
	char longer[1024];

	for (size_t i = 0; i < countof(bad); i++)
		refused_file(bad[i].text, bad[i].line, bad[i].word);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	refused_file(longer, ":1: ", "too long");
	longer[0] = '#'; /* that is a comment */
	longer[sizeof(longer) - 8] = '\0';
	strcat(longer, "\n?\n");
	refused_file(longer, ":2: ", "name = value");
}

Test(layers, a_nul_is_no_text)
{
	struct file f = file_with("max_idle = 1\n\0\n", 15);
	struct lk_config cfg = { .size = sizeof(cfg), .file = f.path };

	refused(cfg, NULL, LK_E_INVAL, ":2: ", "NUL");
	file_end(&f);
}

Test(layers, a_file_that_cannot_be_read)
{
	struct file pipe = file_of("");
	struct lk_config cfg = { .size = sizeof(cfg), .file = "/nonexistent/settings" };
	struct lk_manager *m = NULL;

	refused(cfg, NULL, LK_E_IO, "/nonexistent/settings", "No such file");
	cfg.file = "/tmp";
	refused(cfg, NULL, LK_E_IO, "/tmp: ", "directory");
	cfg.file = "/dev/zero";
	refused(cfg, NULL, LK_E_IO, "/dev/zero: ", "");
	cfg.file = "/proc/self/mem"; /* a regular file, whose first byte is nowhere */
	refused(cfg, NULL, LK_E_IO, "/proc/self/mem: ", "Input/output");
	file_end(&pipe); /* a pipe that nobody writes would make us wait */
	cr_assert_eq(mkfifo(pipe.path, 0600), 0);
	cfg.file = pipe.path;
	refused(cfg, NULL, LK_E_IO, pipe.path, "");
	cfg = (struct lk_config)LK_CONFIG_INIT;
	setenv("LATCHKEY_CONFIG", "/nonexistent/settings", 1);
	refused(cfg, NULL, LK_E_IO, "/nonexistent/settings", "No such file");
	errno = 77;
	is(lk_open(NULL, NULL, &m), LK_E_IO);
	cr_expect_eq(errno, 77);
	file_end(&pipe);
}

/* ----------------------------------------------------------------------- variables */

Test(layers, a_wrong_variable_is_named)
{
	static const struct {
		const char *name, *value, *word;
	} bad[] = {
		{ "LATCHKEY_MAX_IDLE", "abc", "max_idle" },
		{ "LATCHKEY_MAX_IDLE", " 1", "max_idle" },
		{ "LATCHKEY_STRICT", "yes", "strict" },
		{ "LATCHKEY_DEBUG_ORDER", "2", "debug_order" },
		{ "LATCHKEY_TIMEOUT_NS", "1h", "timeout_ns" },
		{ "LATCHKEY_SEPARATOR", "%", "separator" },
		{ "LATCHKEY_PRESET", "fast", "fast" },
	};
	const struct lk_config cfg = LK_CONFIG_INIT;

	for (size_t i = 0; i < countof(bad); i++) {
		setenv(bad[i].name, bad[i].value, 1);
		refused(cfg, NULL, LK_E_INVAL, bad[i].name, bad[i].word);
		unsetenv(bad[i].name);
	}
}

Test(layers, other_variables_are_not_looked_at)
{
	setenv("LATCHKEY_NONSENSE", "1", 1);
	setenv("latchkey_max_idle", "nonsense", 1);
	setenv("MAX_IDLE", "nonsense", 1);
	ok(lk_close(open_manager(NULL)));
}

Test(layers, every_setting_has_its_variable)
{
	static const char *const names[] = {
#define NAME(field, standard, lowest, highest, off) #field,
		LK_SETTING_LIST(NAME)
#undef NAME
			"strict",
		"timed",
		"debug_order",
		"preset",
	};
	const struct lk_config cfg = LK_CONFIG_INIT;

	for (size_t i = 0; i < countof(names); i++) {
		char variable[64];
		int n = snprintf(variable, sizeof(variable), "LATCHKEY_%s", names[i]);

		for (int k = 0; k < n; k++) {
			if (variable[k] >= 'a' && variable[k] <= 'z')
				variable[k] = (char)(variable[k] - 'a' + 'A');
		}
		setenv(variable, "n.o.n.s.e.n.s.e", 1);
		refused(cfg, NULL, LK_E_INVAL, variable, names[i]);
		unsetenv(variable);
	}
}

/* -------------------------------------------------------------------------- presets */

Test(presets, lie_below_what_their_layer_says)
{
	struct lk_manager *m = open_manager("memory:?preset=diagnose&event_ring=64&timed=0");

	value_is(m, "preset", "diagnose");
	value_is(m, "debug_order", "1");
	from_is(m, "debug_order", LK_FROM_CALL);
	value_is(m, "events", "all");
	value_is(m, "event_ring", "64");
	value_is(m, "timed", "0");
	value_is(m, "max_idle", "4096");
	from_is(m, "max_idle", LK_FROM_DEFAULT);
	ok(lk_close(m));
}

Test(presets, lie_above_the_layers_before)
{
	struct file f = file_of("event_ring = 64\nmax_idle = 10\n");
	struct lk_config cfg = { .size = sizeof(cfg), .file = f.path };
	struct lk_manager *m;

	setenv("LATCHKEY_PRESET", "diagnose", 1);
	ok(lk_open("memory:?debug_order=0", &cfg, &m));
	value_is(m, "event_ring", "16384");
	from_is(m, "event_ring", LK_FROM_ENVIRONMENT);
	value_is(m, "max_idle", "10");
	value_is(m, "debug_order", "0");
	value_is(m, "timed", "1");
	from_is(m, "preset", LK_FROM_ENVIRONMENT);
	ok(lk_close(m));
	file_end(&f);
}

/* What each of them does is seen in the manager. */
Test(presets, strict)
{
	struct lk_manager *m = open_manager("memory:?preset=strict");

	value_is(m, "strict", "1");
	is(lk_config_set(m, "fair_after_ns", "5ms", NULL, 0), LK_E_UNSUPPORTED);
	ok(lk_close(m));
}

static int
count(void *arg, const struct lk_event *e)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

Test(presets, diagnose)
{
	struct lk_manager *m = open_manager("memory:?preset=diagnose");
	struct lk_event_filter f = { .size = sizeof(f), .kinds = LK_EVENT_ORDER };
	struct lk_owner *w;
	int n = 0;

	open_owners(m, &w, 1);
	ok(lk_acquire(w, "a", LK_X, NULL, NULL)); /* tries are not learnt */
	ok(lk_acquire(w, "b", LK_X, NULL, NULL));
	ok(lk_release_all(w));
	ok(lk_acquire(w, "b", LK_X, NULL, NULL));
	ok(lk_acquire(w, "a", LK_X, NULL, NULL));
	ok(lk_event_each(m, &f, count, &n));
	cr_expect_eq(n, 1);
	f.kinds = LK_EVENT_RELEASE;
	n = 0;
	ok(lk_event_each(m, &f, count, &n));
	cr_expect_eq(n, 2);
	close_all(m, &w, 1);
}

Test(presets, two_in_one_layer_contradict_each_other)
{
	refused_file("preset = strict\npreset = diagnose\n", ":2: ", "contradicts");
	refused_file("preset = strict\nfair_after_ns = 5ms\nstrict = 1\n", "fair_after_ns",
		     "strict");
}
