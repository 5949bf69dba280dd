/* SPDX-License-Identifier: MIT */
/* Reading scripts. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

#include "script.h"

const char *const verb_name[VERBS] = {
#define VERB_NAME(upper, lower) #lower,
	VERB_LIST(VERB_NAME)
#undef VERB_NAME
};

const char *const result_name[RESULTS] = {
#define RESULT_NAME(name, code) #name,
	RESULT_LIST(RESULT_NAME)
#undef RESULT_NAME
};

struct reader {
	struct script *s;
	unsigned line;
	const char *rest;
	char word[WORD_MAX];
};

__attribute__((format(printf, 2, 3), noreturn)) static void
refuse(const struct reader *r, const char *format, ...)
{
	va_list args;

	(void)fprintf(stderr, "%s:%u: ", r->s->path, r->line);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(2);
}

enum result
result_of(int rc)
{
	static const int code[RESULTS] = {
#define RESULT_CODE(name, number) number,
		RESULT_LIST(RESULT_CODE)
#undef RESULT_CODE
	};
	unsigned i = 0;

	while (i < RESULTS && code[i] != rc)
		i++;
	return (enum result)i;
}

/* The next word of the line; words end at blanks, ':', ';' and '='. */
static bool
next_word(struct reader *r)
{
	size_t n;

	r->rest += strspn(r->rest, " \t");
	n = strcspn(r->rest, " \t\r\n:;=#");
	if (n >= WORD_MAX)
		refuse(r, "a word of more than %d bytes", WORD_MAX - 1);
	memcpy(r->word, r->rest, n);
	r->word[n] = '\0';
	r->rest += n;
	return n > 0;
}

static bool
next_is(struct reader *r, char c)
{
	r->rest += strspn(r->rest, " \t");
	if (*r->rest != c)
		return false;
	r->rest++;
	return true;
}

static void
need_word(struct reader *r, const char *what)
{
	if (!next_word(r))
		refuse(r, "%s is missing before \"%.20s\"", what, r->rest);
}

static unsigned
number(const struct reader *r, const char *word)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (end == word || *end != '\0')
		refuse(r, "\"%s\" is no number", word);
	return (unsigned)n;
}

static int32_t
priority(const struct reader *r, const char *word)
{
	const bool negative = word[0] == '-';
	const unsigned n = number(r, word + negative);

	return negative ? -(int32_t)n : (int32_t)n;
}

/* The number of a word in a list, entered if it is new. */
static unsigned
intern(const struct reader *r, char (*list)[WORD_MAX], unsigned *n, unsigned max, const char *word)
{
	for (unsigned i = 0; i < *n; i++) {
		if (strcmp(list[i], word) == 0)
			return i;
	}
	if (*n == max)
		refuse(r, "more names than the tester has room for");
	(void)snprintf(list[*n], WORD_MAX, "%s", word);
	return (*n)++;
}

static unsigned
find_fiber(const struct reader *r, const char *word)
{
	return intern(r, r->s->fiber, &r->s->n_fibers, FIBERS_MAX, word);
}

static lk_mode
mode_named(const struct reader *r, const char *word)
{
	for (int m = LK_IS; m <= (int)LK_X; m++) {
		if (strcmp(lk_modename((lk_mode)m), word) == 0)
			return (lk_mode)m;
	}
	refuse(r, "\"%s\" is no mode", word);
}

static enum result
result_named(const struct reader *r, const char *word)
{
	for (unsigned i = 0; i < RESULTS; i++) {
		if (strcmp(result_name[i], word) == 0)
			return (enum result)i;
	}
	refuse(r, "\"%s\" is no result", word);
}

static unsigned
read_results(struct reader *r)
{
	unsigned results = 0;
	char *save;

	need_word(r, "a result");
	for (char *one = strtok_r(r->word, "|", &save); one != NULL;
	     one = strtok_r(NULL, "|", &save))
		results |= 1u << result_named(r, one);
	return results;
}

/* Words after a step's own: options, the label, what may come of it. */
static void
read_options(struct reader *r, struct step *t)
{
	while (next_word(r)) {
		if (strcmp(r->word, "->") == 0) {
			t->expected = read_results(r);
		} else if (strcmp(r->word, "gives") == 0) {
			t->completes = read_results(r);
		} else if (strcmp(r->word, "most") == 0) {
			need_word(r, "how many");
			t->named = number(r, r->word);
		} else if (strcmp(r->word, "releases") == 0) {
			t->releases = true;
		} else if (strcmp(r->word, "by_queue") == 0) {
			t->by_queue = true;
		} else if (strcmp(r->word, "by_function") == 0) {
			t->by_function = true;
		} else if (strcmp(r->word, "as") == 0) {
			need_word(r, "a label");
			t->label = intern(r, r->s->label, &r->s->n_labels, LABELS_MAX, r->word);
		} else if (strcmp(r->word, "within") == 0) {
			need_word(r, "a time in ms");
			t->within_ns = (int64_t)number(r, r->word) * 1000000;
		} else if (strcmp(r->word, "lease") == 0) {
			need_word(r, "a time in ms");
			t->lease_ns = (uint64_t)number(r, r->word) * 1000000;
		} else if (strcmp(r->word, "max_hold") == 0) {
			need_word(r, "a time in ms");
			t->max_hold_ns = (uint64_t)number(r, r->word) * 1000000;
		} else if (strcmp(r->word, "units") == 0) {
			need_word(r, "how many");
			t->units = number(r, r->word);
			need_word(r, "of");
			if (strcmp(r->word, "of") != 0)
				refuse(r, "units N of M is wanted");
			need_word(r, "how many there are");
			t->permits = number(r, r->word);
		} else if (strcmp(r->word, "forced") == 0) {
			t->named = 1;
		} else if (strcmp(r->word, "renewed") == 0) {
			t->flags |= LK_RENEW;
		} else if (strcmp(r->word, "priority") == 0) {
			need_word(r, "a priority");
			t->priority = priority(r, r->word);
		} else if (strcmp(r->word, "when") == 0) {
			need_word(r, "a variable");
			t->when = 1 + intern(r, r->s->var, &r->s->n_vars, VARS_MAX, r->word);
		} else if (strcmp(r->word, "parents") == 0) {
			t->flags |= LK_PARENTS;
		} else if (strcmp(r->word, "nowait") == 0) {
			t->flags |= LK_NOWAIT;
		} else if (strcmp(r->word, "timed") == 0) {
			t->flags |= LK_TIMED;
		} else {
			refuse(r, "\"%s\" is no option", r->word);
		}
	}
}

static void
read_name(struct reader *r, struct step *t)
{
	need_word(r, "a name");
	if (t->n_names == BATCH_MAX)
		refuse(r, "more than %d names", BATCH_MAX);
	t->name[t->n_names++] = intern(r, r->s->name, &r->s->n_names, NAMES_MAX, r->word);
	t->label = intern(r, r->s->label, &r->s->n_labels, LABELS_MAX, r->word);
}

static void
read_mode(struct reader *r, struct step *t)
{
	need_word(r, "a mode");
	t->mode[t->n_names > 0 ? t->n_names - 1 : 0] = mode_named(r, r->word);
}

static void
read_label(struct reader *r, struct step *t)
{
	need_word(r, "a label");
	t->label = intern(r, r->s->label, &r->s->n_labels, LABELS_MAX, r->word);
}

/* many NAME MODE + NAME MODE … */
static void
read_batch(struct reader *r, struct step *t)
{
	for (;;) {
		const char *before;

		read_name(r, t);
		read_mode(r, t);
		before = r->rest;
		if (!next_word(r) || strcmp(r->word, "+") != 0) {
			r->rest = before;
			return;
		}
	}
}

static void
read_arguments(struct reader *r, struct step *t)
{
	switch (t->verb) {
	case VERB_ACQUIRE:
	case VERB_TRY:
	case VERB_ID:
	case VERB_SPREAD:
	case VERB_SUBMIT:
	case VERB_DETACH:
	case VERB_VISITS:
		read_name(r, t);
		read_mode(r, t);
		break;
	case VERB_MANY:
	case VERB_SUBMIT_MANY:
		read_batch(r, t);
		break;
	case VERB_ON: /* the handle's label is first the grant's too */
		read_label(r, t);
		t->name[1] = t->label;
		read_mode(r, t);
		break;
	case VERB_CONVERT:
	case VERB_SUBMIT_CONVERT:
	case VERB_CAN:
		read_label(r, t);
		t->named = t->label;
		read_mode(r, t);
		break;
	case VERB_DOWNGRADE:
	case VERB_RELEASE:
	case VERB_RENEW:
	case VERB_CHECK:
	case VERB_UNHANDLE:
	case VERB_TOKEN:
	case VERB_VALUE_READ:
	case VERB_VALUE_WRITE:
	case VERB_FENCE:
	case VERB_ENDS:
	case VERB_WITHDRAW:
	case VERB_AWAIT:
		read_label(r, t);
		break;
	case VERB_RELEASE_NAME:
	case VERB_HANDLE:
	case VERB_BROKEN:
	case VERB_BREAKS:
	case VERB_DAMAGED:
	case VERB_REPAIRS:
	case VERB_INFO:
	case VERB_FOLDS:
	case VERB_DEESCALATE:
	case VERB_ASKS:
	case VERB_ASKS_BAD:
		read_name(r, t);
		break;
	case VERB_PASS:
		read_name(r, t);
		need_word(r, "a fence");
		t->within_ns = number(r, r->word);
		break;
	case VERB_ADVANCE:
	case VERB_LINGERS:
		need_word(r, "a time in ms");
		t->within_ns = (int64_t)number(r, r->word) * 1000000;
		break;
	case VERB_FILL:
	case VERB_POOL_OPEN:
		need_word(r, "how many");
		t->within_ns = number(r, r->word);
		break;
	case VERB_BREAKER:
		need_word(r, "how many failures");
		t->within_ns = number(r, r->word);
		need_word(r, "how many names");
		t->units = number(r, r->word);
		break;
	case VERB_ESCALATES:
	case VERB_TOLD:
		need_word(r, "how many");
		t->named = number(r, r->word);
		break;
	case VERB_CANCEL:
	case VERB_CHILD:
	case VERB_OUTSIDE:
		need_word(r, "an owner");
		t->name[0] = find_fiber(r, r->word);
		break;
	case VERB_TRANSFER:
		read_label(r, t);
		t->named = t->label;
		need_word(r, "an owner");
		t->name[0] = find_fiber(r, r->word);
		break;
	case VERB_MOVE:
		read_label(r, t);
		t->named = t->label;
		read_name(r, t);
		break;
	case VERB_SEIZE:
	case VERB_TOKEN_CHECK:
	case VERB_TOKEN_RENEW:
	case VERB_TOKEN_RELEASE:
		need_word(r, "an owner");
		t->name[0] = find_fiber(r, r->word);
		read_label(r, t);
		break;
	case VERB_READ:
	case VERB_WRITE:
	case VERB_SET:
		need_word(r, "a variable");
		t->name[0] = intern(r, r->s->var, &r->s->n_vars, VARS_MAX, r->word);
		break;
	case VERB_RELEASE_ALL:
	case VERB_CLOSE:
	case VERB_REOPEN:
	case VERB_SELF:
	case VERB_EXIT:
	case VERB_SWEEP:
	case VERB_SNAPSHOT:
	case VERB_STATS:
	case VERB_EVENTS:
	case VERB_SHUTDOWN:
	case VERB_GROWS:
	case VERB_STREAKS:
	case VERB_INSIDE:
	case VERB_SHARE:
	case VERB_SERVE:
	case VERB_REAP:
	case VERB_REAPING:
	case VERB_QUEUE_OPEN:
	case VERB_QUEUE_CLOSE:
	case VERB_SERVING:
	case VERB_POOL_CLOSE:
	case VERB_TAKE:
	case VERB_GIVE:
	case VERB_NOTE_OWNER:
	case VERB_GIVE_AGAIN:
	case VERB_PASSES:
	case VERB_TENDING:
	case VERB_UNANSWERED:
	case VERB_UNMADE:
	case VERB_REFUSES:
	case VERB_DIES:
	case VERB_BEATS:
	case VERB_POLLS:
	case VERB_HEARING:
	case VERB_RESETS:
	case VERB_MIGRATES:
	case VERB_KILLS:
	case VERB_BURIES:
	case VERB_CUTS:
	case VERB_DOOMS:
	case VERB_YIELD:
	case VERBS:
		break;
	}
}

static enum verb
verb_named(const struct reader *r, const char *word)
{
	for (unsigned i = 0; i < VERBS; i++) {
		if (strcmp(verb_name[i], word) == 0)
			return (enum verb)i;
	}
	refuse(r, "\"%s\" is no step", word);
}

static void
read_steps(struct reader *r, struct steps *steps, unsigned fiber)
{
	do {
		struct step t = { .fiber = fiber,
				  .expected = 1u << RESULT_ok,
				  .completes = 1u << RESULT_ok,
				  .line = r->line };

		t.if_ok = next_is(r, '?');
		if (!next_word(r))
			continue;
		t.verb = verb_named(r, r->word);
		read_arguments(r, &t);
		read_options(r, &t);
		if (steps->n == STEPS_OF_LINE)
			refuse(r, "more than %d steps", STEPS_OF_LINE);
		steps->step[steps->n++] = t;
	} while (next_is(r, ';'));
	if (*r->rest != '\0' && *r->rest != '#' && *r->rest != '\n')
		refuse(r, "what is \"%.20s\"?", r->rest);
}

static void
add_setting(struct script *s, const char *name, const char *value)
{
	size_t used = strlen(s->url);

	(void)snprintf(s->url + used, sizeof(s->url) - used, "%c%s=%s",
		       strchr(s->url, '?') ? '&' : '?', name, value);
}

/* config NAME=VALUE …: as in the URL. */
static void
read_config(struct reader *r)
{
	while (next_word(r)) {
		char name[WORD_MAX];

		memcpy(name, r->word, sizeof(name));
		if (!next_is(r, '=') || !next_word(r))
			refuse(r, "NAME=VALUE is wanted");
		add_setting(r->s, name, r->word);
	}
}

static unsigned *
search_field(struct script *s, const char *name)
{
	static const char *const kind[SURPRISES] = { "preempt", "wake", "time", "stale" };

	if (strcmp(name, "bound") == 0)
		return &s->bound;
	if (strcmp(name, "random") == 0)
		return &s->random;
	if (strcmp(name, "cap") == 0)
		return &s->cap;
	if (strcmp(name, "cold") == 0)
		return &s->cold;
	if (strcmp(name, "hook") == 0)
		return &s->hook;
	if (strcmp(name, "notice") == 0)
		return &s->notice;
	if (strcmp(name, "queue") == 0)
		return &s->queue;
	if (strcmp(name, "ask") == 0)
		return &s->ask;
	if (strcmp(name, "hints") == 0)
		return &s->hints;
	if (strcmp(name, "mortal") == 0)
		return &s->mortal;
	if (strcmp(name, "far") == 0)
		return &s->far;
	if (strcmp(name, "apart") == 0)
		return &s->apart;
	if (strcmp(name, "polls") == 0)
		return &s->polls;
	for (unsigned i = 0; i < SURPRISES; i++) {
		if (strcmp(name, kind[i]) == 0)
			return &s->most[i];
	}
	return NULL;
}

/* search NAME=NUMBER …: how far to look. */
static void
read_search(struct reader *r)
{
	while (next_word(r)) {
		unsigned *field = search_field(r->s, r->word);

		if (field == NULL || !next_is(r, '=') || !next_word(r))
			refuse(r, "bound=N, preempt=N, wake=N, time=N, stale=N, random=N, cap=N, "
				  "ask=N, "
				  "hook=1, notice=1, queue=1, hints=N, polls=0, mortal=1, far=1, "
				  "apart=1 or "
				  "cold=1 is wanted");
		*field = number(r, r->word);
	}
}

/* process NAME: FIBER …: these are of a process of their own, with a manager over the store of all. */
static void
read_process(struct reader *r)
{
	struct script *s = r->s;

	need_word(r, "a process");
	if (s->n_processes == PROCESSES_MAX)
		refuse(r, "more than %d processes", PROCESSES_MAX);
	(void)snprintf(s->process[s->n_processes], WORD_MAX, "%s", r->word);
	if (!next_is(r, ':'))
		refuse(r, "':' is missing");
	while (next_word(r)) {
		const unsigned fiber = find_fiber(r, r->word);

		s->process_of[fiber] = s->n_processes;
	}
	s->n_processes++;
}

/* end: edge FROM TO: a cover goes that way in some schedule. */
static void
read_edge(struct reader *r)
{
	int from;

	need_word(r, "a state");
	from = abroad_state(r->word);
	need_word(r, "a state");
	if (from < 0 || abroad_state(r->word) < 0)
		refuse(r, "\"%s\" or the word before it is no state of a cover", r->word);
	r->s->edges[from] |= 1u << abroad_state(r->word);
}

/* end: free NAME …; count RESULT LEAST MOST; edge STATE STATE */
static void
read_end(struct reader *r)
{
	struct script *s = r->s;

	do {
		need_word(r, "a condition");
		if (strcmp(r->word, "free") == 0) {
			while (next_word(r))
				s->free_at_end[intern(r, s->name, &s->n_names, NAMES_MAX,
						      r->word)] = true;
		} else if (strcmp(r->word, "edge") == 0) {
			read_edge(r);
		} else if (strcmp(r->word, "count") == 0 && s->n_counts < RESULTS) {
			need_word(r, "a result");
			s->count[s->n_counts].result = result_named(r, r->word);
			need_word(r, "how many at least");
			s->count[s->n_counts].least = number(r, r->word);
			need_word(r, "how many at most");
			s->count[s->n_counts++].most = number(r, r->word);
		} else {
			refuse(r, "\"%s\" is no condition", r->word);
		}
	} while (next_is(r, ';'));
}

static void
read_line(struct reader *r)
{
	struct script *s = r->s;

	if (!next_word(r))
		return;
	if (strcmp(r->word, "config") == 0) {
		read_config(r);
	} else if (strcmp(r->word, "search") == 0) {
		read_search(r);
	} else if (strcmp(r->word, "process") == 0) {
		read_process(r);
	} else if (strcmp(r->word, "end") == 0 && next_is(r, ':')) {
		read_end(r);
	} else if (strcmp(r->word, "setup") == 0 || strcmp(r->word, "after") == 0) {
		struct steps *steps = r->word[0] == 's' ? &s->setup : &s->after;
		unsigned fiber;

		need_word(r, "an owner");
		fiber = find_fiber(r, r->word);
		if (!next_is(r, ':'))
			refuse(r, "':' is missing");
		read_steps(r, steps, fiber);
	} else {
		unsigned fiber = find_fiber(r, r->word);

		if (!next_is(r, ':'))
			refuse(r, "':' is missing");
		read_steps(r, &s->body[fiber], fiber);
	}
}

/* The URL of a manager becomes that of a store. */
static void
over_a_store(struct script *s)
{
	char settings[sizeof(s->url)];

	(void)snprintf(settings, sizeof(settings), "%s", s->url + strlen("memory:"));
	if (snprintf(s->url, sizeof(s->url), "play:all%s", settings) >= (int)sizeof(s->url))
		exit(2);
}

void
script_read(struct script *s, const char *path)
{
	struct reader r = { .s = s };
	char line[512];
	FILE *f = fopen(path, "r");

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	memset(s, 0, sizeof(*s));
	s->path = path;
	s->bound = 2;
	s->random = 2000;
	s->hints = 1;
	s->polls = 1;
	s->most[SURPRISE_PREEMPTION] = 8;
	s->most[SURPRISE_WAKE] = 1;
	s->most[SURPRISE_TIME] = 1;
	s->most[SURPRISE_STALE] = 2;
	(void)snprintf(s->url, sizeof(s->url), "memory:");
	while (fgets(line, sizeof(line), f) != NULL) {
		r.line++;
		r.rest = line;
		read_line(&r);
	}
	(void)fclose(f);
	if (strstr(s->url, "events=") == NULL) /* what a script does not look at makes no steps */
		add_setting(s, "events", "off");
	if (strstr(s->url, "manual=") == NULL)
		add_setting(s, "manual", "1");
	if (s->n_processes != 0)
		over_a_store(s);
}
