/* SPDX-License-Identifier: MIT */
/*
 * All orders of the steps of a spec, each session's own order kept.
 *
 * Whose turn it is, is chosen anew at each moment; choosing a session that waits lets time pass.  A run is the
 * list of its choices, and the next run differs in the last choice that has another left (a search without
 * states: each run begins from nothing).
 */
#include "harness.h"
#include "play.h"

#include <stdlib.h>
#include <string.h>

enum { MOMENTS = 256, PASS_NS = 40000000, OUTCOMES = 16 };

/* Where everything is slow, so many runs, whose choices are random. */
#ifdef LK_SANITIZE
enum { SAMPLES = 100 };
#else
enum { SAMPLES = 0 };
#endif

struct choice {
	int chosen;
	int among;
};

struct tally {
	int outcome;
	unsigned long n;
};

struct search {
	struct watch w;
	struct choice choice[MOMENTS];
	int n_choices; /* given by the run before */
	int at;
	int next[SPEC_SESSIONS]; /* steps that each session has begun */
	unsigned long runs;
	uint64_t random;
	struct tally tally[OUTCOMES];
};

static void
count(struct search *s, const struct spec_result *result, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct tally *t = s->tally;

		if (result[i].outcome == SPEC_WAITS)
			continue;
		while (t->n != 0 && t->outcome != result[i].outcome)
			t++;
		t->outcome = result[i].outcome;
		t->n++;
	}
}

/* One of `among`, as the run before says, or the first. */
static int
choose(struct search *s, int among)
{
	struct choice *c = &s->choice[s->at];

	if (s->at == MOMENTS)
		abort();
	if (s->at++ >= s->n_choices) {
		*c = (struct choice){ 0, among };
		if (SAMPLES != 0)
			c->chosen = (int)(test_random(&s->random) % (unsigned)among);
		s->n_choices = s->at;
	}
	return c->chosen;
}

/* The choices of the next run; false: that was the last. */
static bool
next_choices(struct search *s)
{
	while (s->n_choices > 0 &&
	       s->choice[s->n_choices - 1].chosen + 1 == s->choice[s->n_choices - 1].among)
		s->n_choices--;
	if (s->n_choices == 0)
		return false;
	s->choice[s->n_choices - 1].chosen++;
	return true;
}

static bool
has_more(const struct search *s, int i)
{
	return s->next[i] < s->w.t->spec->session[i].n;
}

/* Does it make sense to choose it: it can go on, or waits and is the first of those who do? */
static int
candidates(struct search *s, int all[SPEC_SESSIONS], bool passed)
{
	bool waits = false;
	int n = 0;

	for (int i = 0; i < s->w.t->spec->n_sessions; i++) {
		const bool busy = stage_is_busy(s->w.t, i);

		if (busy ? waits || passed : !has_more(s, i))
			continue;
		waits |= busy;
		all[n++] = i;
	}
	return n;
}

static bool
begin_next(struct search *s, int i)
{
	const struct spec *spec = s->w.t->spec;
	struct spec_result result[SPEC_RESULTS];
	const struct spec_step *step = &spec->step[spec->session[i].first + s->next[i]++];

	fprintf(s->w.out, " %s", step->label);
	count(s, result, watch_step(&s->w, step, result));
	return true;
}

static void
pass(struct search *s)
{
	struct spec_result result[2 * SPEC_RESULTS];

	fputs(" |", s->w.out);
	count(s, result, watch_pass(&s->w, PASS_NS, result));
}

/* All steps are begun: who is done gives all back, until all are done. */
static void
finish(struct search *s)
{
	for (int round = 0; round <= SPEC_SESSIONS; round++) {
		pass(s);
		for (int i = 0; i < s->w.t->spec->n_sessions; i++) {
			struct session *session = &s->w.t->session[i];

			if (stage_is_busy(s->w.t, i) || session->lk == NULL)
				continue;
			if (!stage_give_all(session))
				watch_fail(&s->w, "lk_release_all");
			(void)stage_pass(s->w.t, s->w.t->now);
		}
		stage_graph(s->w.t, &s->w.graph);
	}
	for (int i = 0; i < s->w.t->spec->n_sessions; i++) {
		if (!stage_is_busy(s->w.t, i))
			continue;
		watch_fail(&s->w, "%s hangs", s->w.t->spec->session[i].name);
		(void)lk_owner_cancel(s->w.t->session[i].lk);
	}
	pass(s);
}

static bool
run(struct search *s, struct stage *stage, const struct spec *spec, FILE *out)
{
	bool passed = false;
	int all[SPEC_SESSIONS], n;

	s->at = 0;
	memset(s->next, 0, sizeof(s->next));
	if (!stage_open(stage, spec))
		return false;
	watch_begin(&s->w, stage, out);
	while (s->w.good && (n = candidates(s, all, passed)) > 0) {
		const int i = all[choose(s, n)];

		passed = stage_is_busy(stage, i); /* a second time would change nothing */
		if (passed)
			pass(s);
		else
			begin_next(s, i);
	}
	finish(s);
	if (!stage_close(stage))
		watch_fail(&s->w, "something is left");
	s->runs++;
	return s->w.good;
}

static void
print_sum(const struct search *s, FILE *out)
{
	fprintf(out, "%lu orders", s->runs);
	for (const struct tally *t = s->tally; t->n != 0; t++)
		fprintf(out, ", %lu %s", t->n, spec_outcome(t->outcome));
	fputc('\n', out);
}

/* What happened in a run is shown only if it went wrong. */
bool
play_all(const struct spec *spec, FILE *out)
{
	struct stage stage = { .spec = NULL };
	struct search *s = calloc(1, sizeof(*s));
	bool good = true;

	do {
		char *text = NULL;
		size_t size;
		FILE *mine = open_memstream(&text, &size);

		good = run(s, &stage, spec, mine);
		fclose(mine);
		if (!good)
			fprintf(out, "%s\n", text);
		free(text);
	} while (good && next_choices(s));
	print_sum(s, out);
	stage_free(&stage);
	free(s);
	return good;
}
