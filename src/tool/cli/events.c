/* SPDX-License-Identifier: MIT */
/* What happened in this process, told by `latchkey stdio` to those who subscribed: lines without an id. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"

struct subscription {
	struct subscription *next;
	json_int_t number;
	uint32_t kinds;
	struct name pattern; /* a copy; no bytes: all names */
	int separator;
};

struct events {
	pthread_mutex_t latch;
	struct stdio *of;
	struct subscription *all;
	json_int_t last;
	uint64_t left_out; /* as nobody read */
};

static json_t *
told(const struct events *v, const struct subscription *u, const struct lk_event *e)
{
	json_t *o = json_object();
	const size_t name = e->name_len < sizeof(e->name) ? e->name_len : sizeof(e->name);

	(void)json_object_set_new(o, "event", json_string(lk_eventname(e->kind)));
	(void)json_object_set_new(o, "subscription", json_integer(u->number));
	put_bytes(o, "name", e->name, name);
	(void)json_object_set_new(o, "owner", number_text(e->owner_id));
	if (e->owner_label[0] != '\0')
		put_bytes(o, "label", e->owner_label, strlen(e->owner_label));
	if (e->from != LK_NL)
		(void)json_object_set_new(o, "from", json_string(lk_modename(e->from)));
	if (e->to != LK_NL)
		(void)json_object_set_new(o, "to", json_string(lk_modename(e->to)));
	if (e->fence != 0)
		(void)json_object_set_new(o, "fence", number_text(e->fence));
	if (e->waited_ns != 0)
		(void)json_object_set_new(o, "waited_ms", json_real((double)e->waited_ns / 1e6));
	if (e->held_ns != 0)
		(void)json_object_set_new(o, "held_ms", json_real((double)e->held_ns / 1e6));
	if (e->code != 0)
		(void)json_object_set_new(o, "code", json_string(lk_errname(e->code)));
	if (v->left_out != 0)
		(void)json_object_set_new(o, "left_out", number_text(v->left_out));
	return o;
}

static bool
fits(const struct subscription *u, const struct lk_event *e)
{
	const size_t len = e->name_len < sizeof(e->name) ? e->name_len : sizeof(e->name);

	if ((u->kinds & e->kind) == 0 || (e->flags & LK_NAME_IS_ID) != 0)
		return false;
	return u->pattern.bytes == NULL ||
	       lk_name_match(u->pattern.bytes, u->pattern.len, e->name, len, u->separator);
}

/* In the thread that acted. */
static int
hear(void *arg, const struct lk_event *e)
{
	struct events *v = arg;

	pthread_mutex_lock(&v->latch);
	for (struct subscription *u = v->all; u != NULL; u = u->next) {
		json_t *line;

		if (!fits(u, e))
			continue;
		line = told(v, u, e);
		if (lines_mention(&v->of->lines, line))
			v->left_out = 0;
		else
			v->left_out++;
		json_decref(line);
	}
	pthread_mutex_unlock(&v->latch);
	return 0;
}

struct events *
events_make(struct stdio *s, struct lk_config *config, const char *url)
{
	struct events *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	pthread_mutex_init(&v->latch, NULL);
	v->of = s;
	config->on_event = hear;
	config->on_event_arg = v;
	if (strstr(url, "events=") == NULL)
		config->events = LK_EVENTS_ALL & ~(uint64_t)LK_EVENT_BEFORE_ACQUIRE &
				 ~(uint64_t)LK_EVENT_BEFORE_CONVERT;
	return v;
}

static void
forget_one(struct events *v, struct subscription **at)
{
	struct subscription *u = *at;

	*at = u->next;
	v->left_out = 0;
	name_free(&u->pattern);
	free(u);
}

void
events_free(struct stdio *s)
{
	while (s->events->all != NULL)
		forget_one(s->events, &s->events->all);
	free(s->events);
}

/* ----------------------------------------------------------------------------- requests */

/* The bit of a kind; 0: there is none of that name. */
static uint32_t
kind_of(const char *name)
{
	for (uint32_t kind = 1; kind <= LK_EVENTS_ALL; kind <<= 1) {
		if (name != NULL && strcmp(lk_eventname(kind), name) == 0)
			return kind;
	}
	return 0;
}

static int
read_kinds(const json_t *request, uint32_t *kinds, struct wrong *why)
{
	const json_t *said = json_object_get(request, "kinds");
	const json_t *one;
	size_t i;

	*kinds = LK_EVENTS_ALL;
	if (said == NULL)
		return 0;
	if (!json_is_array(said))
		return wrong_say(why, "kinds is not an array");
	*kinds = 0;
	json_array_foreach((json_t *)said, i, one)
	{
		const uint32_t kind = kind_of(json_string_value(one));

		if (kind == 0)
			return wrong_say(why, "there is no kind of events %.40s",
					 json_is_string(one) ? json_string_value(one)
							     : "that is no text");
		*kinds |= kind;
	}
	return 0;
}

static int
read_pattern(const json_t *request, struct name *out, struct wrong *why)
{
	struct name said = { 0 };
	int rc;

	if (json_object_get(request, "pattern") == NULL)
		return 0;
	rc = field_bytes(request, "pattern", &said, why);
	if (rc != 0)
		return rc;
	out->bytes = malloc(said.len + 1);
	if (out->bytes == NULL)
		return LK_E_NOMEM;
	memcpy(out->bytes, said.bytes, said.len);
	out->len = said.len;
	out->is_made = true;
	return 0;
}

static void
op_subscribe(struct stdio *s, struct job *j)
{
	struct events *v = s->events;
	struct subscription *u = calloc(1, sizeof(*u));
	struct wrong why = { "" };
	int rc = u != NULL ? read_kinds(j->request, &u->kinds, &why) : LK_E_NOMEM;

	if (rc == 0)
		rc = read_pattern(j->request, &u->pattern, &why);
	if (rc != 0) {
		free(u);
		answer_wrong(s, j->id, rc, &why);
		return;
	}
	pthread_mutex_lock(&v->latch);
	u->number = ++v->last;
	u->separator = s->separator;
	answer(s, j->id,
	       json_pack("{s:I}", "subscription", u->number)); /* before its first event */
	u->next = v->all;
	v->all = u;
	pthread_mutex_unlock(&v->latch);
}

static void
op_unsubscribe(struct stdio *s, struct job *j)
{
	struct events *v = s->events;
	struct wrong why = { "" };
	struct subscription **at;
	uint64_t number = 0;
	bool was;

	if (field_number(j->request, "subscription", INT64_MAX, &number, &why) != 0) {
		answer_wrong(s, j->id, LK_E_INVAL, &why);
		return;
	}
	pthread_mutex_lock(&v->latch);
	for (at = &v->all; *at != NULL && (uint64_t)(*at)->number != number;)
		at = &(*at)->next;
	was = *at != NULL;
	if (was)
		forget_one(v, at);
	pthread_mutex_unlock(&v->latch);
	answer(s, j->id, json_boolean(was));
}

const struct op ops_events[] = {
	{ "subscribe", "kinds pattern", op_subscribe, AT_ONCE, false },
	{ "unsubscribe", "subscription", op_unsubscribe, AT_ONCE, false },
	{ NULL, NULL, NULL, AT_ONCE, false },
};
