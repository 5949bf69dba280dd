/* SPDX-License-Identifier: MIT */
/* Reading a schedule, line by line and word by word. */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- words */

/* The words of a line; commas and colons between results are blanks. */
struct words {
	char text[256];
	char *next;
};

static void
begin_words(struct words *w, const char *line, size_t len, const char *blanks)
{
	if (len >= sizeof(w->text))
		len = sizeof(w->text) - 1;
	memcpy(w->text, line, len);
	w->text[len] = '\0';
	w->text[strcspn(w->text, "#")] = '\0';
	for (char *c = w->text; *c != '\0'; c++) {
		if (strchr(blanks, *c) != NULL)
			*c = ' ';
	}
	w->next = w->text;
}

/* NULL: there is none. */
static char *
next_word(struct words *w)
{
	char *word = w->next + strspn(w->next, " \t");
	size_t len = strcspn(word, " \t");

	if (len == 0)
		return NULL;
	w->next = word + len;
	if (*w->next != '\0')
		*w->next++ = '\0';
	return word;
}

static bool
copy_word(char to[SPEC_WORD], const char *word)
{
	if (word == NULL || strlen(word) >= SPEC_WORD)
		return false;
	strcpy(to, word);
	return true;
}

static bool
read_mode(const char *word, lk_mode *out)
{
	for (lk_mode mode = LK_IS; word != NULL && mode <= LK_X; mode++) {
		if (strcmp(word, lk_modename(mode)) == 0) {
			*out = mode;
			return true;
		}
	}
	return false;
}

/* "300us", "2ms", "1s". */
static bool
read_time(const char *word, uint64_t *out)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };
	char *end;

	if (word == NULL || word[0] < '0' || word[0] > '9')
		return false;
	*out = strtoull(word, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*out *= units[i].ns;
			return true;
		}
	}
	return false;
}

static bool
has_key(const char *word, const char *key, const char **value)
{
	const size_t len = strlen(key);

	*value = word + len;
	return strncmp(word, key, len) == 0;
}

/* ---------------------------------------------------------------- outcomes */

/* X(word, code) */
#define OUTCOME_LIST(X)                                    \
	X("ok", 0)                                         \
	X("waits", SPEC_WAITS)                             \
	X("busy", LK_E_BUSY)                               \
	X("deadlock", LK_E_DEADLOCK)                       \
	X("conversion_deadlock", LK_E_CONVERSION_DEADLOCK) \
	X("timedout", LK_E_TIMEDOUT)                       \
	X("canceled", LK_E_CANCELED)                       \
	X("stale", LK_E_STALE)                             \
	X("inval", LK_E_INVAL)

const char *
spec_outcome(int outcome)
{
#define OUTCOME_NAME(word, code) \
	if (outcome == (code))   \
		return word;
	OUTCOME_LIST(OUTCOME_NAME)
#undef OUTCOME_NAME
	return lk_errname(outcome);
}

static bool
read_outcome(const char *word, int *out)
{
#define OUTCOME_READ(text, code)         \
	if (strcmp(word, (text)) == 0) { \
		*out = (code);           \
		return true;             \
	}
	OUTCOME_LIST(OUTCOME_READ)
#undef OUTCOME_READ
	return false;
}

#define COUNTER_NAME(name, text) #name,
static const char *const counters[] = { LK_COUNTER_LIST(COUNTER_NAME) };
#undef COUNTER_NAME

const char *
spec_counter_name(int counter)
{
	return counters[counter];
}

uint64_t
spec_counter(const struct lk_stats *s, int counter)
{
#define COUNTER_VALUE(name, text) s->name,
	const uint64_t value[] = { LK_COUNTER_LIST(COUNTER_VALUE) };
#undef COUNTER_VALUE

	return value[counter];
}

/* ------------------------------------------------------------------- steps */

/* What a verb takes: n a name, m a mode, b a batch, s a session, o options. */
static const struct {
	const char *word;
	const char *takes;
} verbs[SPEC_VERBS] = {
	[SPEC_ACQUIRE] = { "acquire", "nmo" },
	[SPEC_TRY] = { "try", "nm" },
	[SPEC_MANY] = { "many", "bo" },
	[SPEC_CONVERT] = { "convert", "nmo" },
	[SPEC_UPGRADE] = { "upgrade", "no" },
	[SPEC_DOWNGRADE] = { "downgrade", "n" },
	[SPEC_RELEASE] = { "release", "n" },
	[SPEC_RELEASE_ALL] = { "release_all", "" },
	[SPEC_CLOSE] = { "close", "" },
	[SPEC_OPEN] = { "open", "p" },
	[SPEC_CANCEL] = { "cancel", "s" },
	[SPEC_OUTSIDE_BEGIN] = { "external_wait_begin", "s" },
	[SPEC_OUTSIDE_END] = { "external_wait_end", "" },
};

static bool
takes(const struct spec_step *step, char what)
{
	return strchr(verbs[step->verb].takes, what) != NULL;
}

static bool
read_item(struct spec_step *step, char *word)
{
	char *colon = strchr(word, ':');

	if (colon == NULL || step->n_items == SPEC_ITEMS)
		return false;
	*colon = '\0';
	return copy_word(step->name[step->n_items], word) &&
	       read_mode(colon + 1, &step->mode[step->n_items++]);
}

static bool
read_option(struct spec_step *step, const char *word)
{
	const char *value;
	uint64_t ns;

	if (has_key(word, "priority=", &value) && (takes(step, 'o') || takes(step, 'p'))) {
		step->priority = (int32_t)strtol(value, NULL, 10);
		return true;
	}
	if (!takes(step, 'o'))
		return false;
	if (strcmp(word, "nowait") == 0) {
		step->nowait = true;
	} else if (strcmp(word, "parents") == 0) {
		step->parents = true;
	} else if (has_key(word, "timeout=", &value) && read_time(value, &ns)) {
		step->timeout_ns = (int64_t)ns;
	} else {
		return false;
	}
	return true;
}

static const char *
read_arguments(struct spec_step *step, struct words *w)
{
	char *word;

	if (takes(step, 'n')) {
		step->n_items = 1;
		if (!copy_word(step->name[0], next_word(w)))
			return "a name is missing";
	}
	if (takes(step, 'm') && !read_mode(next_word(w), &step->mode[0]))
		return "a mode is missing";
	if (takes(step, 's') && !copy_word(step->other, next_word(w)))
		return "a session is missing";
	while ((word = next_word(w)) != NULL) {
		if (takes(step, 'b') && strchr(word, ':') != NULL ? !read_item(step, word)
								  : !read_option(step, word))
			return "a word too many, or not known";
	}
	return takes(step, 'b') && step->n_items == 0 ? "a batch of nothing" : NULL;
}

static int
find_step(const struct spec *s, const char *label)
{
	for (int i = 0; i < s->n_steps; i++) {
		if (strcmp(s->step[i].label, label) == 0)
			return i;
	}
	return -1;
}

static int
find_session(const struct spec *s, const char *name)
{
	for (int i = 0; i < s->n_sessions; i++) {
		if (strcmp(s->session[i].name, name) == 0)
			return i;
	}
	return -1;
}

static const char *
read_step(struct spec *s, const char *label, struct words *w)
{
	struct spec_step *step = &s->step[s->n_steps];
	const char *verb = next_word(w);

	if (s->n_steps == SPEC_STEPS || find_step(s, label) >= 0)
		return "too many steps, or two of one name";
	if (!copy_word(step->label, label) || verb == NULL)
		return "not a step";
	step->session = s->n_sessions - 1;
	while (step->verb < SPEC_VERBS && strcmp(verb, verbs[step->verb].word) != 0)
		step->verb++;
	if (step->verb == SPEC_VERBS)
		return "not a verb";
	s->n_steps++;
	s->session[step->session].n++;
	return read_arguments(step, w);
}

static const char *
read_session(struct spec *s, struct words *w)
{
	struct spec_session *session = &s->session[s->n_sessions];
	const char *value;
	char *word;

	if (s->n_sessions == SPEC_SESSIONS || s->n_orders != 0)
		return "too many sessions, or too late";
	if (!copy_word(session->name, next_word(w)))
		return "a session without a name";
	session->first = s->n_steps;
	s->n_sessions++;
	while ((word = next_word(w)) != NULL) {
		if (!has_key(word, "priority=", &value))
			return "a word too many, or not known";
		session->priority = (int32_t)strtol(value, NULL, 10);
	}
	return NULL;
}

/* ------------------------------------------------------------------ orders */

static const char *
read_results(const struct spec *s, struct spec_line *line, struct words *w)
{
	const char *word;

	while ((word = next_word(w)) != NULL) {
		struct spec_result *r = &line->result[line->n_results++];
		const char *outcome = next_word(w);

		r->step = find_step(s, word);
		if (r->step < 0 || outcome == NULL || !read_outcome(outcome, &r->outcome))
			return "not a result: a step and what came of it";
		if (line->n_results == SPEC_RESULTS)
			return "too many results";
	}
	return NULL;
}

static const char *
read_count(struct spec_line *line, struct words *w)
{
	const char *name = next_word(w);
	const char *value = next_word(w);

	line->kind = SPEC_COUNT;
	if (name == NULL || value == NULL)
		return "a counter or its value is missing";
	line->value = strtoull(value, NULL, 10);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		line->counter = (int)i;
		if (strcmp(counters[i], name) == 0)
			return NULL;
	}
	return "not a counter";
}

static const char *
read_line(struct spec *s, const char *first, struct words *w, unsigned at)
{
	struct spec_order *order = &s->order[s->n_orders - 1];
	struct spec_line *line = &order->line[order->n];
	struct words ahead;
	const char *word;

	if (order->n == SPEC_LINES)
		return "too long";
	order->n++;
	line->at = at;
	if (strcmp(first, "count") == 0)
		return read_count(line, w);
	if (strcmp(first, "pass") == 0) {
		line->kind = SPEC_PASS;
		return read_time(next_word(w), &line->ns) ? read_results(s, line, w)
							  : "a time is missing";
	}
	line->kind = SPEC_STEP;
	line->step = find_step(s, first);
	if (line->step < 0)
		return "not a step";
	line->n_results = 1;
	line->result[0] = (struct spec_result){ line->step, 0 };
	ahead = *w;
	ahead.next = ahead.text + (w->next - w->text);
	word = next_word(&ahead);
	if (word != NULL && read_outcome(word, &line->result[0].outcome))
		(void)next_word(w);
	return read_results(s, line, w);
}

/* -------------------------------------------------------------------- files */

static const char *
read_one(struct spec *s, const char *text, size_t len, unsigned at)
{
	struct words w;
	const char *word;

	begin_words(&w, text, len, s->n_orders != 0 ? ",:" : "");
	word = next_word(&w);
	if (word == NULL)
		return NULL;
	if (strcmp(word, "settings") == 0) {
		word = next_word(&w);
		snprintf(s->settings, sizeof(s->settings), "%s", word != NULL ? word : "");
		return NULL;
	}
	if (strcmp(word, "session") == 0)
		return read_session(s, &w);
	if (strcmp(word, "order") == 0) {
		if (s->n_orders == SPEC_ORDERS)
			return "too many orders";
		s->order[s->n_orders++].at = at;
		return NULL;
	}
	if (s->n_orders != 0)
		return read_line(s, word, &w, at);
	return s->n_sessions != 0 ? read_step(s, word, &w) : "a step without a session";
}

/* Sessions that steps are about may be declared after them. */
static const char *
find_others(struct spec *s)
{
	for (int i = 0; i < s->n_steps; i++) {
		struct spec_step *step = &s->step[i];

		step->other_session = takes(step, 's') ? find_session(s, step->other) : -1;
		if (takes(step, 's') && step->other_session < 0)
			return "a step is about a session that there is not";
	}
	return s->n_sessions != 0 ? NULL : "no session";
}

const char *
spec_parse(struct spec *s, const char *text, unsigned *at)
{
	memset(s, 0, sizeof(*s));
	strcpy(s->settings, "strict=1");
	for (*at = 1; *text != '\0'; ++*at) {
		const size_t len = strcspn(text, "\n");
		const char *wrong = read_one(s, text, len, *at);

		if (wrong != NULL)
			return wrong;
		text += len + (text[len] == '\n');
	}
	return find_others(s);
}

static void
print_time(uint64_t ns, FILE *to)
{
	if (ns % 1000000 == 0)
		fprintf(to, "%llums", (unsigned long long)(ns / 1000000));
	else
		fprintf(to, "%lluus", (unsigned long long)(ns / 1000));
}

void
spec_print(const struct spec *s, const struct spec_line *line, const struct spec_result *result,
	   unsigned n, FILE *to)
{
	unsigned i = 0;

	fputc('\t', to);
	if (line->kind == SPEC_COUNT) {
		fprintf(to, "count %s %llu", spec_counter_name(line->counter),
			(unsigned long long)line->value);
	} else if (line->kind == SPEC_PASS) {
		fputs("pass ", to);
		print_time(line->ns, to);
	} else {
		fputs(s->step[line->step].label, to);
		if (result[i++].outcome != 0)
			fprintf(to, " %s", spec_outcome(result[0].outcome));
	}
	for (const char *mark = ":"; i < n; i++, mark = ",")
		fprintf(to, "%s %s %s", mark, s->step[result[i].step].label,
			spec_outcome(result[i].outcome));
}
