/* SPDX-License-Identifier: MIT */
/* Requests of `latchkey stdio` about locks. */
#include <stdlib.h>
#include <string.h>

#include "serve.h"

/* What all that wait can say. */
struct asked {
	struct lk_options o;
	struct lk_report report;
	lk_mode mode;
	struct name tag;
	struct wrong why;
};

/* "wait_ms": 0 is not to wait; without it, as the manager waits. */
static int
read_wait(const json_t *request, struct lk_options *o, struct wrong *why)
{
	uint64_t ns = LK_OFF;
	const int rc = field_ms(request, "wait_ms", (uint64_t)LK_FOREVER, &ns, why);

	if (rc == 0 && ns == 0)
		o->flags |= LK_NOWAIT;
	else if (rc == 0 && ns != LK_OFF)
		o->timeout_ns = (int64_t)ns;
	return rc;
}

static int
read_lease(const json_t *request, struct lk_options *o, struct wrong *why)
{
	bool renew = false;
	int rc = field_ms(request, "lease_ms", LK_OFF, &o->lease_ns, why);

	if (rc == 0 && json_object_get(request, "lease_ms") != NULL &&
	    o->lease_ns < LK_LEASE_MIN_NS)
		rc = wrong_say(why, "lease_ms is less than a microsecond");
	if (rc == 0)
		rc = field_ms(request, "max_hold_ms", LK_OFF, &o->max_hold_ns, why);
	if (rc == 0)
		rc = field_bool(request, "renew", &renew, why);
	if (rc == 0 && renew)
		o->flags |= LK_RENEW;
	return rc;
}

static int
read_units(const json_t *request, struct lk_options *o, struct wrong *why)
{
	uint64_t units = 0, permits = 0;
	int rc = field_number(request, "units", UINT32_MAX, &units, why);

	if (rc == 0)
		rc = field_number(request, "permits", UINT32_MAX, &permits, why);
	if (rc == 0 && (units == 0) != (permits == 0))
		rc = wrong_say(why, "units and permits are said together");
	o->units = (uint32_t)units;
	o->permits = (uint32_t)permits;
	return rc;
}

static int
read_tag(const json_t *request, struct asked *a)
{
	int rc = 0;

	if (json_object_get(request, "tag") != NULL || json_object_get(request, "tag_hex") != NULL)
		rc = field_bytes(request, "tag", &a->tag, &a->why);
	a->o.tag = a->tag.bytes;
	a->o.tag_len = a->tag.len;
	return rc;
}

static int
read_asked(const json_t *request, struct asked *a)
{
	int64_t priority;
	const json_t *said = json_object_get(request, "priority");
	int rc;

	*a = (struct asked){
		.o = LK_OPTIONS_INIT,
		.report = LK_REPORT_INIT,
		.mode = LK_X,
	};
	a->o.report = &a->report;
	rc = read_wait(request, &a->o, &a->why);
	if (rc == 0)
		rc = read_lease(request, &a->o, &a->why);
	if (rc == 0)
		rc = read_units(request, &a->o, &a->why);
	if (rc == 0 && a->o.units != 0)
		a->mode = LK_IX;
	if (rc == 0)
		rc = field_mode(request, &a->mode, &a->why);
	if (rc == 0)
		rc = read_tag(request, a);
	if (rc != 0 || said == NULL)
		return rc;
	priority = json_integer_value(said);
	if (!json_is_integer(said) || priority < INT32_MIN || priority > INT32_MAX)
		return wrong_say(&a->why, "priority is not a number of 32 bits");
	a->o.priority = (int32_t)priority;
	return 0;
}

/* --------------------------------------------------------------------------- answers */

/* What is told of a grant. */
static int
describe(struct strand *strand, lk_grant g, json_t **out)
{
	struct lk_grant_info info = { .size = (uint32_t)sizeof(info) };
	char token[LK_TOKEN_MAX];
	int rc = lk_token(strand->owner, g, token, sizeof(token));

	if (rc == 0)
		rc = lk_grant_info(strand->owner, g, &info);
	if (rc != 0)
		return rc;
	*out = json_object();
	put_bytes(*out, "name", info.name, info.name_len);
	(void)json_object_set_new(*out, "token", json_string(token));
	(void)json_object_set_new(*out, "fence", number_text(info.fence));
	(void)json_object_set_new(*out, "mode", json_string(lk_modename(info.mode)));
	if (info.units != 0)
		(void)json_object_set_new(*out, "units", json_integer(info.units));
	if (info.lease_ns != 0)
		(void)json_object_set_new(*out, "lease_ms", json_real((double)info.lease_ns / 1e6));
	if ((info.flags & LK_OWNER_DIED) != 0)
		(void)json_object_set_new(*out, "owner_died", json_true());
	return 0;
}

/* `n` grants that the strand's owner has are the client's from now on; one is told as it is, several as an array. */
static void
hand_over(struct stdio *s, struct job *j, const lk_grant *g, size_t n, bool is_many)
{
	json_t *all = json_array();
	size_t told = 0;
	int rc = 0;

	while (rc == 0 && told < n) {
		json_t *one = NULL;

		rc = grants_add(s, j->strand, g[told]) ? 0 : LK_E_NOMEM;
		if (rc != 0)
			break;
		rc = describe(j->strand, g[told], &one);
		told++;
		if (rc == 0)
			(void)json_array_append_new(all, one);
	}
	if (rc != 0) {
		for (size_t i = 0; i < told; i++)
			grants_remove(s, g[i]);
		forget(lk_release_all(j->strand->owner));
		answer_wrong(s, j->id, rc, NULL);
	} else if (is_many) {
		answer(s, j->id, json_pack("{s:O}", "grants", all));
	} else {
		answer(s, j->id, json_incref(json_array_get(all, 0)));
	}
	json_decref(all);
}

/* An owner, but only once somebody asks for something. */
static int
open_owner(struct stdio *s, struct job *j)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct wrong why = { "" };
	struct lk_owner *owner = NULL;
	int rc = field_text(j->request, "label", &o.label, &why);

	if (rc != 0)
		answer_wrong(s, j->id, rc, &why);
	else if (work_is_canceled(&s->work, j))
		answer_refused(s, j->id, rc = LK_E_CANCELED, NULL);
	else if ((rc = lk_owner_open(s->m, &o, &owner)) != 0)
		answer_refused(s, j->id, rc, NULL);
	if (owner == NULL)
		return rc;
	strand_own(&s->work, j->strand, owner);
	if (work_is_canceled(&s->work, j)) /* before the owner could be told */
		(void)lk_owner_cancel(owner);
	return 0;
}

/* --------------------------------------------------------------------------- acquiring */

static void
acquire(struct stdio *s, struct job *j, uint32_t flags)
{
	struct asked a;
	struct name name = { 0 };
	lk_grant g = 0;
	int rc = read_asked(j->request, &a);

	if (rc == 0)
		rc = field_bytes(j->request, "name", &name, &a.why);
	if (rc != 0) {
		answer_wrong(s, j->id, rc, &a.why);
	} else if (open_owner(s, j) == 0) {
		a.o.flags |= flags;
		rc = lk_acquire_bytes(j->strand->owner, name.bytes, name.len, a.mode, &a.o, &g);
		if (rc == 0)
			hand_over(s, j, &g, 1, false);
		else
			answer_refused(s, j->id, rc, &a.report);
	}
	name_free(&name);
	name_free(&a.tag);
}

static void
op_acquire(struct stdio *s, struct job *j)
{
	acquire(s, j, 0);
}

static void
op_try(struct stdio *s, struct job *j)
{
	acquire(s, j, LK_NOWAIT);
}

enum { MANY_MAX = 4096 };

/* A name as it is, or an object with a name and perhaps a mode. */
static int
read_one(const json_t *said, lk_mode mode, struct lk_request *r, struct name *n, struct wrong *why)
{
	int rc;

	if (json_is_object(said)) {
		rc = fields_only(said, "name name_hex mode", why);
		if (rc == 0)
			rc = field_bytes(said, "name", n, why);
		if (rc == 0)
			rc = field_mode(said, &mode, why);
	} else {
		rc = value_bytes(said, "a name", n, why);
	}
	if (rc == 0 && n->len == 0)
		rc = wrong_say(why, "a name is empty");
	*r = (struct lk_request){ .name = (const char *)n->bytes, .len = n->len, .mode = mode };
	return rc;
}

static void
acquire_these(struct stdio *s, struct job *j, struct asked *a, const json_t *said)
{
	const size_t n = json_array_size(said);
	struct lk_request *r = calloc(n + 1, sizeof(*r));
	struct name *names = calloc(n + 1, sizeof(*names));
	lk_grant *g = calloc(n + 1, sizeof(*g));
	int rc = r != NULL && names != NULL && g != NULL ? 0 : LK_E_NOMEM;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = read_one(json_array_get(said, i), a->mode, &r[i], &names[i], &a->why);
	if (rc != 0) {
		answer_wrong(s, j->id, rc, &a->why);
	} else if (open_owner(s, j) == 0) {
		rc = lk_acquire_many(j->strand->owner, r, n, &a->o, g);
		if (rc == 0)
			hand_over(s, j, g, n, true);
		else
			answer_refused(s, j->id, rc, &a->report);
	}
	for (size_t i = 0; names != NULL && i < n; i++)
		name_free(&names[i]);
	free(r);
	free(names);
	free(g);
}

static void
op_acquire_many(struct stdio *s, struct job *j)
{
	const json_t *said = json_object_get(j->request, "names");
	struct asked a;
	int rc = read_asked(j->request, &a);

	if (rc == 0 && !json_is_array(said))
		rc = wrong_say(&a.why, "names is not an array");
	if (rc == 0 && json_array_size(said) > MANY_MAX)
		rc = wrong_say(&a.why, "more than %d names", MANY_MAX);
	if (rc != 0)
		answer_wrong(s, j->id, rc, &a.why);
	else
		acquire_these(s, j, &a, said);
	name_free(&a.tag);
}

/* ------------------------------------------------------------------------ with a token */

static const char *
token_of(const struct job *j)
{
	return json_string_value(json_object_get(j->request, "token"));
}

/* The grant that the token says; it was there when the job was made, and may have been released since. */
static int
grant_of(struct stdio *s, const struct job *j, lk_grant *g)
{
	struct lk_token_info info = { .size = (uint32_t)sizeof(info) };
	int rc = lk_token_parse(token_of(j), &info);

	if (rc == 0)
		rc = j->strand->owner != NULL ? lk_token_check(s->m, token_of(j)) : LK_E_STALE;
	*g = info.grant;
	return rc == LK_E_SUSPECT ? 0 : rc;
}

static void
op_convert(struct stdio *s, struct job *j)
{
	struct lk_options o = LK_OPTIONS_INIT;
	struct lk_report report = LK_REPORT_INIT;
	struct wrong why = { "" };
	lk_mode mode = LK_NL;
	json_t *told = NULL;
	lk_grant g;
	int rc = field_mode(j->request, &mode, &why);

	if (rc == 0 && mode == LK_NL)
		rc = wrong_say(&why, "mode is missing");
	if (rc == 0)
		rc = read_wait(j->request, &o, &why);
	if (rc != 0) {
		answer_wrong(s, j->id, rc, &why);
		return;
	}
	o.report = &report;
	rc = grant_of(s, j, &g);
	if (rc == 0)
		rc = lk_convert(j->strand->owner, g, mode, &o);
	if (rc == LK_E_CANCELED && !work_is_canceled(&s->work, j)) /* an earlier one was meant */
		rc = lk_convert(j->strand->owner, g, mode, &o);
	if (rc == 0)
		rc = describe(j->strand, g, &told);
	if (rc == 0)
		answer(s, j->id, told);
	else
		answer_refused(s, j->id, rc, &report);
}

static void
op_renew(struct stdio *s, struct job *j)
{
	struct wrong why = { "" };
	uint64_t ns = 0;
	int rc = field_ms(j->request, "lease_ms", INT64_MAX, &ns, &why);

	if (rc == 0)
		rc = lk_token_renew(s->m, token_of(j), ns);
	if (rc == 0)
		answer(s, j->id, json_pack("{s:s}", "state", "held"));
	else
		answer_wrong(s, j->id, rc, &why);
}

static void
op_check(struct stdio *s, struct job *j)
{
	const int rc = lk_token_check(s->m, token_of(j));

	if (rc == 0 || rc == LK_E_SUSPECT)
		answer(s, j->id, json_pack("{s:s}", "state", rc == 0 ? "held" : "suspect"));
	else
		answer_wrong(s, j->id, rc, NULL);
}

static void
op_release(struct stdio *s, struct job *j)
{
	const int rc = lk_token_release(s->m, token_of(j));
	struct lk_token_info info = { .size = (uint32_t)sizeof(info) };

	if ((rc == 0 || rc == LK_E_LOST) && lk_token_parse(token_of(j), &info) == 0)
		grants_remove(s, info.grant);
	if (rc == 0)
		answer(s, j->id, json_true());
	else
		answer_wrong(s, j->id, rc, NULL);
}

static void
op_value_read(struct stdio *s, struct job *j)
{
	struct lk_value v = { .size = (uint32_t)sizeof(v) };
	json_t *told;
	lk_grant g;
	int rc = grant_of(s, j, &g);

	if (rc == 0)
		rc = lk_value_read(j->strand->owner, g, &v);
	if (rc != 0) {
		answer_wrong(s, j->id, rc, NULL);
		return;
	}
	told = json_object();
	put_bytes(told, "value", v.bytes, v.len);
	(void)json_object_set_new(told, "version", number_text(v.version));
	if ((v.flags & LK_VALUE_INVALID) != 0)
		(void)json_object_set_new(told, "invalid", json_true());
	answer(s, j->id, told);
}

static void
op_value_write(struct stdio *s, struct job *j)
{
	struct name value = { 0 };
	struct wrong why = { "" };
	lk_grant g;
	int rc = field_bytes(j->request, "value", &value, &why);

	if (rc == 0)
		rc = grant_of(s, j, &g);
	if (rc == 0)
		rc = lk_value_write(j->strand->owner, g, value.bytes, value.len);
	name_free(&value);
	if (rc == 0)
		answer(s, j->id, json_true());
	else
		answer_wrong(s, j->id, rc, &why);
}

static void
op_cancel(struct stdio *s, struct job *j)
{
	const json_t *which = json_object_get(j->request, "request");
	struct wrong why;

	if (which == NULL)
		answer_wrong(s, j->id, wrong_say(&why, "request is missing: the id of which one"),
			     &why);
	else
		answer(s, j->id, json_boolean(work_cancel(&s->work, which, j) > 0));
}

static void
op_fence_pass(struct stdio *s, struct job *j)
{
	struct wrong why = { "" };
	struct name name = { 0 };
	uint64_t fence = 0;
	int rc = field_bytes(j->request, "name", &name, &why);

	if (rc == 0)
		rc = field_number(j->request, "fence", UINT64_MAX, &fence, &why);
	if (rc == 0)
		rc = lk_fence_pass(s->m, name.bytes, name.len, fence);
	name_free(&name);
	if (rc == 0 || rc == LK_E_STALE)
		answer(s, j->id, json_boolean(rc == 0));
	else
		answer_wrong(s, j->id, rc, &why);
}

#define FIELDS_ASKED \
	"mode wait_ms lease_ms max_hold_ms renew units permits priority tag tag_hex label"

const struct op ops_locks[] = {
	{ "acquire", "name name_hex " FIELDS_ASKED, op_acquire, ON_ITS_OWN, true },
	{ "try", "name name_hex " FIELDS_ASKED, op_try, ON_ITS_OWN, false },
	{ "acquire_many", "names " FIELDS_ASKED, op_acquire_many, ON_ITS_OWN, true },
	{ "convert", "token mode wait_ms", op_convert, ON_ITS_TOKEN, true },
	{ "renew", "token lease_ms", op_renew, ON_ITS_TOKEN, false },
	{ "release", "token", op_release, ON_ITS_TOKEN, false },
	{ "check", "token", op_check, ON_ITS_TOKEN, false },
	{ "value_read", "token", op_value_read, ON_ITS_TOKEN, false },
	{ "value_write", "token value value_hex", op_value_write, ON_ITS_TOKEN, false },
	{ "cancel", "request", op_cancel, AT_ONCE, false },
	{ "fence_pass", "name name_hex fence", op_fence_pass, AT_ONCE, false },
	{ NULL, NULL, NULL, AT_ONCE, false },
};
