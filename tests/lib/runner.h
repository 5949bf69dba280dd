/* SPDX-License-Identifier: MIT */
/*
 * Criterion's macros, as many as harness.h promises, for the runner in runner.c.
 *
 * A failed cr_expect is noted and the test goes on; a failed cr_assert ends the process of the
 * test, from whatever thread.
 */
#ifndef TESTS_RUNNER_H
#define TESTS_RUNNER_H

#include <stdbool.h>

struct runner_test {
	const char *suite;
	const char *name;
	void (*body)(void);
	struct runner_test *next;
	/* what Criterion calls them, and so what a Test() may set */
	void (*init)(void);
	void (*fini)(void);
	double timeout; /* seconds */
	int signal;     /* the test must end by this signal */
	int exit_code;  /* the test must exit with this */
	bool disabled;
	const char *description;
};

void runner_add(struct runner_test *test);

__attribute__((format(printf, 6, 7))) void runner_check(bool ok, bool fatal, const char *file,
							int line, const char *text,
							const char *message, ...);

#define RUNNER_JOIN_(a, b, c) a##_##b##_##c

#define Test(suite_, name_, ...)                                                        \
	static void RUNNER_JOIN_(suite_, name_, body)(void);                            \
	static struct runner_test RUNNER_JOIN_(suite_, name_, test) = {                 \
		.suite = #suite_,                                                       \
		.name = #name_,                                                         \
		.body = RUNNER_JOIN_(suite_, name_, body),                              \
		__VA_ARGS__                                                             \
	};                                                                              \
	__attribute__((constructor)) static void RUNNER_JOIN_(suite_, name_, add)(void) \
	{                                                                               \
		runner_add(&RUNNER_JOIN_(suite_, name_, test));                         \
	}                                                                               \
	static void RUNNER_JOIN_(suite_, name_, body)(void)

/* The blank before the caller's format keeps an absent one from being an empty format. */
#define RUNNER_CHECK_(fatal, ok, text, ...) \
	runner_check(ok, fatal, __FILE__, __LINE__, text, " " __VA_ARGS__)

#define RUNNER_PAIR_(fatal, a, op, b, ...) \
	RUNNER_CHECK_(fatal, (a)op(b), #a " " #op " " #b, __VA_ARGS__)

#define cr_assert(cond, ...)         RUNNER_CHECK_(true, !!(cond), #cond, __VA_ARGS__)
#define cr_assert_not(cond, ...)     RUNNER_CHECK_(true, !(cond), "not " #cond, __VA_ARGS__)
#define cr_assert_fail(...)          RUNNER_CHECK_(true, false, "fail", __VA_ARGS__)
#define cr_assert_eq(a, b, ...)      RUNNER_PAIR_(true, a, ==, b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)     RUNNER_PAIR_(true, a, !=, b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)      RUNNER_PAIR_(true, a, <, b, __VA_ARGS__)
#define cr_assert_le(a, b, ...)      RUNNER_PAIR_(true, a, <=, b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)      RUNNER_PAIR_(true, a, >, b, __VA_ARGS__)
#define cr_assert_ge(a, b, ...)      RUNNER_PAIR_(true, a, >=, b, __VA_ARGS__)
#define cr_assert_null(p, ...)       RUNNER_PAIR_(true, p, ==, NULL, __VA_ARGS__)
#define cr_assert_not_null(p, ...)   RUNNER_PAIR_(true, p, !=, NULL, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)  RUNNER_PAIR_(true, strcmp(a, b), ==, 0, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) RUNNER_PAIR_(true, strcmp(a, b), !=, 0, __VA_ARGS__)

#define cr_expect(cond, ...)         RUNNER_CHECK_(false, !!(cond), #cond, __VA_ARGS__)
#define cr_expect_not(cond, ...)     RUNNER_CHECK_(false, !(cond), "not " #cond, __VA_ARGS__)
#define cr_expect_fail(...)          RUNNER_CHECK_(false, false, "fail", __VA_ARGS__)
#define cr_expect_eq(a, b, ...)      RUNNER_PAIR_(false, a, ==, b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)     RUNNER_PAIR_(false, a, !=, b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)      RUNNER_PAIR_(false, a, <, b, __VA_ARGS__)
#define cr_expect_le(a, b, ...)      RUNNER_PAIR_(false, a, <=, b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)      RUNNER_PAIR_(false, a, >, b, __VA_ARGS__)
#define cr_expect_ge(a, b, ...)      RUNNER_PAIR_(false, a, >=, b, __VA_ARGS__)
#define cr_expect_null(p, ...)       RUNNER_PAIR_(false, p, ==, NULL, __VA_ARGS__)
#define cr_expect_not_null(p, ...)   RUNNER_PAIR_(false, p, !=, NULL, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)  RUNNER_PAIR_(false, strcmp(a, b), ==, 0, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) RUNNER_PAIR_(false, strcmp(a, b), !=, 0, __VA_ARGS__)

#endif /* TESTS_RUNNER_H */
