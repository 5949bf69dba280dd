/* SPDX-License-Identifier: MIT */
/*
 * The library against the reference, in lock-step.
 *
 * LK_MODEL_SEED=n plays the random scripts from seed n on; LK_TEST_SECONDS says for how long.  A script on
 * which the two differ is shrunk, printed, and kept in tests/model/corpus, where it is played again from
 * then on.
 */
#include <dirent.h>
#include <stdlib.h>

#include "harness.h"
#include "shrink.h"

#define CORPUS "tests/model/corpus"

enum { SCRIPTS_FOR_A_FAULT = 2000, TEXT_MAX = 32768, PATH = 512 };

/* A script of random length; the same for the same seed.  `rows`: one with so many locks that they escalate. */
static void
random_script_of(struct script *s, uint64_t seed, bool rows)
{
	uint8_t bytes[SCRIPT_MAX];
	size_t n = 4 + test_random(&seed) % (sizeof(bytes) - 4);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)test_random(&seed);
	if (rows)
		bytes[1] = (uint8_t)(bytes[1] % 32 + 32 * SCRIPT_ROWS);
	script_decode(s, bytes, n);
}

static void
random_script(struct script *s, uint64_t seed)
{
	random_script_of(s, seed, false);
}

static void
save(const struct script *s, const struct verdict *v, uint64_t seed)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), CORPUS "/seed-%llu.script", (unsigned long long)seed);
	f = fopen(path, "w");
	if (f == NULL)
		return;
	fprintf(f, "# %s\n", v->what);
	script_print(s, f);
	fclose(f);
	fprintf(stderr, "kept as %s\n", path);
}

static void
report(struct script *s, uint64_t seed)
{
	struct verdict v;

	shrink(s, REF_RIGHT, &v);
	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, v.what);
	run_script(s, REF_RIGHT, stderr, &v);
	save(s, &v, seed);
}

static void
add_rarities(struct rarities *all, const struct rarities *r)
{
	all->transfers += r->transfers;
	all->rolled_back += r->rolled_back;
	all->escalated += r->escalated;
	all->in_vain += r->in_vain;
	all->deescalated += r->deescalated;
}

Test(model, random_scripts_agree, .timeout = 100000)
{
	static struct script s;
	const uint64_t first = test_seed("LK_MODEL_SEED");
	const uint64_t end = test_now() + (uint64_t)(test_seconds(3.0) * 1e9);
	struct rarities met = { 0 };
	struct verdict v;
	uint64_t seed = first, steps = 0;

	do {
		random_script(&s, seed);
		steps += s.n;
		if (!run_script(&s, REF_RIGHT, NULL, &v)) {
			report(&s, seed);
			cr_assert_fail("the script of seed %llu, after %llu",
				       (unsigned long long)seed,
				       (unsigned long long)(seed - first));
		}
		add_rarities(&met, &v.met);
		seed++;
	} while (test_now() < end);
	fprintf(stderr,
		"model: seeds from %llu, %llu scripts, %llu operations; %llu transfers, %llu "
		"grants "
		"rolled back, %llu escalations (%llu in vain), %llu undone\n",
		(unsigned long long)first, (unsigned long long)(seed - first),
		(unsigned long long)steps, (unsigned long long)met.transfers,
		(unsigned long long)met.rolled_back, (unsigned long long)met.escalated,
		(unsigned long long)met.in_vain, (unsigned long long)met.deescalated);
}

static const char *
read_script(struct script *s, const char *path, unsigned *line)
{
	static char text[TEXT_MAX];
	FILE *f = fopen(path, "r");
	size_t n;

	*line = 0;
	if (f == NULL)
		return "it cannot be read";
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return script_parse(s, text, n, line);
}

/* The next script of the corpus, and its path; false: that was the last. */
static bool
next_of_corpus(DIR *corpus, struct script *s, char path[PATH])
{
	const struct dirent *file;
	const char *wrong;
	unsigned line;

	do {
		file = readdir(corpus);
		if (file == NULL)
			return false;
	} while (strstr(file->d_name, ".script") == NULL);
	snprintf(path, PATH, "%s/%s", CORPUS, file->d_name);
	wrong = read_script(s, path, &line);
	cr_assert_null(wrong, "%s:%u: %s", path, line, wrong != NULL ? wrong : "");
	return true;
}

static DIR *
open_corpus(void)
{
	DIR *corpus = opendir(CORPUS);

	cr_assert_not_null(corpus, "%s is not there: tests run in the root of the sources", CORPUS);
	return corpus;
}

Test(model, corpus_agrees, .timeout = 100)
{
	static struct script s;
	DIR *corpus = open_corpus();
	char path[PATH];
	unsigned n = 0;

	for (; next_of_corpus(corpus, &s, path); n++) {
		struct verdict v;

		if (run_script(&s, REF_RIGHT, NULL, &v))
			continue;
		run_script(&s, REF_RIGHT, stderr, &v);
		cr_expect_fail("%s: %s", path, v.what);
	}
	closedir(corpus);
	cr_expect_gt(n, 0);
}

/* A comparison that finds nothing wrong with a wrong reference is worth nothing. */
Test(model, the_corpus_finds_every_fault_of_a_wrong_reference, .timeout = 100)
{
	static struct script s;
	char path[PATH];

	for (int fault = REF_RIGHT + 1; fault < REF_FAULTS; fault++) {
		DIR *corpus = open_corpus();
		bool found = false;
		struct verdict v;

		while (!found && next_of_corpus(corpus, &s, path))
			found = !run_script(&s, (enum ref_fault)fault, NULL, &v);
		closedir(corpus);
		cr_expect(found, "fault %d", fault);
	}
}

#ifndef LK_SANITIZE /* they look at the product, and this is about the tester; the corpus finds the faults there too */
/* Scripts about rows are slow: only what needs them gets them. */
static bool
is_about_rows(enum ref_fault fault)
{
	return fault == REF_FOR_READERS || fault == REF_SHY || fault == REF_STAYS_IMPLIED;
}

/* How many scripts it takes until a wrong reference is found out. */
static unsigned
scripts_until_found(enum ref_fault fault, struct script *s)
{
	struct verdict v;
	unsigned n = 0;

	do {
		do {
			random_script_of(s, n++, is_about_rows(fault));
		} while (!is_about_rows(fault) && s->escalate != 0);
	} while (n < SCRIPTS_FOR_A_FAULT && run_script(s, fault, NULL, &v));
	return n;
}

/* The seeds are always the same. */
Test(model, random_scripts_find_every_fault_of_a_wrong_reference, .timeout = 300)
{
	static struct script s;
	struct verdict v;

	for (int fault = REF_RIGHT + 1; fault < REF_FAULTS; fault++) {
		unsigned n = scripts_until_found((enum ref_fault)fault, &s);

		cr_assert_lt(n, SCRIPTS_FOR_A_FAULT, "fault %d was not found", fault);
		shrink(&s, (enum ref_fault)fault, &v);
		cr_expect(!v.agree, "fault %d", fault);
		cr_expect_le(s.n, 12, "fault %d: %zu operations are not small", fault, s.n);
		cr_expect(run_script(&s, REF_RIGHT, NULL, &v), "fault %d: %s", fault, v.what);
	}
}
#endif

/* The text of a script. */
static void
print_into(const struct script *s, char text[TEXT_MAX])
{
	FILE *f = fmemopen(text, TEXT_MAX, "w");

	cr_assert_not_null(f);
	script_print(s, f);
	fclose(f);
}

Test(model, a_script_is_read_as_it_was_printed)
{
	static struct script s, read;
	static char text[TEXT_MAX], again[TEXT_MAX];
	unsigned line;

	for (uint64_t seed = 0; seed < 300; seed++) {
		const char *wrong;

		random_script(&s, seed);
		print_into(&s, text);
		wrong = script_parse(&read, text, strlen(text), &line);
		cr_assert_null(wrong, "line %u: %s", line, wrong != NULL ? wrong : "");
		print_into(&read, again);
		cr_assert_str_eq(again, text);
	}
}

Test(model, what_is_no_script_is_refused)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = {
		{ "", 1 },
		{ "# only a remark\n", 2 },
		{ "0 sweep\n", 1 },
		{ "script owners=1", 1 },
		{ "script owners=5", 1 },
		{ "script reentry=1", 1 },
		{ "script owners=2 end=never", 1 },
		{ "script owners=2\nscript owners=2", 2 },
		{ "script owners=2\n2 sweep", 2 },
		{ "script owners=2\n0", 2 },
		{ "script owners=2\n0 juggle", 2 },
		{ "script owners=2\n\n0 acquire db", 3 },
		{ "script owners=2\n0 acquire db NL", 2 },
		{ "script owners=2\n0 acquire database X", 2 },
		{ "script owners=2\n0 acquire db X timeout=0", 2 },
		{ "script owners=2\n0 acquire db X timeout=70000", 2 },
		{ "script owners=2\n0 acquire db X nowait now", 2 },
		{ "script owners=2\n0 convert 1 X", 2 },
		{ "script owners=2\n0 convert #256 X", 2 },
		{ "script owners=2\n0 convert #0 X parents", 2 },
		{ "script owners=2\n0 batch", 2 },
		{ "script owners=2\n0 batch db", 2 },
		{ "script owners=2\n0 batch f:X f:X f:X f:X f:X f:X f:X f:X f:X", 2 },
		{ "script owners=2\n0 transfer #0", 2 },
		{ "script owners=2\n0 transfer #0 to=2", 2 },
		{ "script owners=2\n0 rollback #4", 2 },
		{ "script owners=2\n0 units f 3", 2 },
		{ "script owners=2\n0 units f 0/3", 2 },
		{ "script owners=2\n0 units f 4/3", 2 },
		{ "script owners=2 escalate=15\n", 1 },
		{ "script owners=2\n0 batch db:X handle", 2 },
		{ "script owners=2\n0 advance", 2 },
		{ "script owners=2\n0 release-all db", 2 },
	};
	static struct script s;

	for (size_t i = 0; i < countof(bad); i++) {
		unsigned line;

		cr_expect_not_null(script_parse(&s, bad[i].text, strlen(bad[i].text), &line), "%s",
				   bad[i].text);
		cr_expect_eq(line, bad[i].line, "%s: line %u", bad[i].text, line);
	}
}
