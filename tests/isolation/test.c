/* SPDX-License-Identifier: MIT */
/*
 * Every schedule in specs/ is played, and what happened is compared with expected/.
 *
 * LK_ISOLATION_SPEC=name plays one and shows it; LK_ISOLATION_WRITE=1 writes expected/ anew.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>

#include "harness.h"
#include "play.h"

#define FOLDER "tests/isolation/"

enum { TEXT_MAX = 65536, NAME = 256, PATH = 512 };

/* The bytes of a file and a NUL; NULL: it is not there.  To be freed. */
static char *
read_text(const char *path)
{
	char *text = calloc(1, TEXT_MAX);
	FILE *f = fopen(path, "r");

	if (text == NULL || f == NULL) {
		free(text);
		return NULL;
	}
	if (fread(text, 1, TEXT_MAX - 1, f) == 0)
		text[0] = '\0';
	fclose(f);
	return text;
}

/* Play it; what happened, to be freed.  Of all orders, how many of what there were. */
static char *
play(const char *name, bool *good, bool *has_orders)
{
	static struct spec spec;
	char path[PATH];
	const char *wrong;
	char *text, *said = NULL;
	size_t size;
	unsigned line;
	FILE *out;

	snprintf(path, sizeof(path), FOLDER "specs/%.255s.spec", name);
	text = read_text(path);
	cr_assert_not_null(text, "%s is not there: tests run in the root of the sources", path);
	wrong = spec_parse(&spec, text, &line);
	cr_assert_null(wrong, "%s:%u: %s", path, line, wrong != NULL ? wrong : "");
	free(text);
	out = open_memstream(&said, &size);
	*has_orders = spec.n_orders != 0;
	*good = *has_orders ? play_orders(&spec, out) : play_all(&spec, out);
	fclose(out);
	return said;
}

static void
write_expected(const char *path, const char *said)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f, "%s cannot be written", path);
	fputs(said, f);
	fclose(f);
}

static void
check(const char *name)
{
	char path[PATH];
	char *said, *expected;
	bool good, has_orders;

	said = play(name, &good, &has_orders);
	cr_expect(good, "%s\n%s", name, said);
	snprintf(path, sizeof(path), FOLDER "expected/%.255s.out", name);
	if (good && has_orders && getenv("LK_ISOLATION_WRITE") != NULL)
		write_expected(path, said);
	expected = read_text(path);
	if (getenv("LK_ISOLATION_SPEC") != NULL)
		fputs(said, stderr);
	else if (good && has_orders)
		cr_expect(expected != NULL && strcmp(said, expected) == 0,
			  "%s is not what happened:\n%s", path, said);
	free(expected);
	free(said);
}

static int
is_spec(const struct dirent *d)
{
	const size_t len = strlen(d->d_name);

	return len > 5 && strcmp(d->d_name + len - 5, ".spec") == 0;
}

Test(isolation, schedules_go_as_they_are_written, .timeout = 100)
{
	const char *only = getenv("LK_ISOLATION_SPEC");
	struct dirent **file;
	int n = scandir(FOLDER "specs", &file, is_spec, alphasort);

	cr_assert_gt(n, 0, FOLDER "specs is not there: tests run in the root of the sources");
	for (int i = 0; i < n; i++) {
		char name[NAME];

		snprintf(name, sizeof(name), "%.*s", (int)strlen(file[i]->d_name) - 5,
			 file[i]->d_name);
		if (only == NULL || strcmp(only, name) == 0)
			check(name);
		free(file[i]);
	}
	free(file);
}
