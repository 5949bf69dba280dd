/* SPDX-License-Identifier: MIT */
/* Hints: what is heard, and what when nothing was heard for a while. */
#include "stage.h"

struct ear {
	_Atomic unsigned named; /* of "n" */
	_Atomic unsigned any;
	_Atomic unsigned others;
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	if (name == NULL)
		atomic_fetch_add(&e->any, 1);
	else if (len == 1 && memcmp(name, "n", 1) == 0)
		atomic_fetch_add(&e->named, 1);
	else
		atomic_fetch_add(&e->others, 1);
}

/* (RH1) */
Test(listening, begins_with_any_and_goes_on_by_name)
{
	struct lk_store *s, *other;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	other = store_open(g.url);
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	ok(put_text(other, "n", "x"));
	wait_until(atomic_load(&e.named) == 1);
	ok(put(other, "n", NULL, 0, NEVER));
	wait_until(atomic_load(&e.named) == 2);
	cr_assert_eq(atomic_load(&e.others), 0);
	s->ops->unwatch(s);
	ok(put_text(other, "n", "x"));
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 2);
	cr_assert_eq(atomic_load(&e.named), 2);
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

Test(listening, goes_on_after_its_connection_was_killed)
{
	struct lk_store *s, *other;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	other = store_open(g.socket_url); /* nobody is told of his own changes */
	ok(s->ops->watch(s, hear, &e));
	for (unsigned i = 1; i <= 5; i++) {
		wait_until(atomic_load(&e.any) == i); /* what came meanwhile was not heard */
		ok(put_text(other, "n", "x"));
		wait_until(atomic_load(&e.named) == i);
		cr_assert_eq(server_do(&g.server, "CLIENT KILL TYPE pubsub"), 1);
	}
	wait_until(atomic_load(&e.any) == 6);
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

Test(listening, goes_on_after_the_server_was_away, .timeout = 60)
{
	struct lk_store *s, *other;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	other = store_open(g.socket_url); /* nobody is told of his own changes */
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	server_restart(&g.server);
	wait_until(atomic_load(&e.any) == 2);
	ok(put_text(other, "n", "x"));
	wait_until(atomic_load(&e.named) == 1);
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

/* It may begin while the server is away, and end then. */
Test(listening, begins_when_the_server_comes, .timeout = 60)
{
	struct lk_store *s;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	server_kill(&g.server);
	ok(s->ops->watch(s, hear, &e));
	s->ops->unwatch(s);
	cr_assert_eq(atomic_load(&e.any), 0);
	ok(s->ops->watch(s, hear, &e));
	server_restart(&g.server);
	wait_until(atomic_load(&e.any) == 1);
	lk_store_close(s);
	stage_remove(&g);
}

/* More than some at a time are told as any; so is the end of a session. */
Test(listening, hears_of_many_at_once_as_any)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(s->ops->session_close(s, &id, NEVER));
	wait_until(atomic_load(&e.any) == 2);
	lk_store_close(s);
	stage_remove(&g);
}

/* ---------------------------------------------------- what a hint says is there now: (RH3) */

/* Called with a hint of "n", it asks for a record, while nobody is allowed to ask the server: what is answered was in the hint. */
struct asker {
	struct stage *g;
	struct lk_store *s;
	const char *name; /* of what it asks for */
	int returns;      /* … and what its function returns */
	bool changes;     /* … or writes */
	char seen[32];
	int rc;
	_Atomic unsigned heard;
	_Atomic unsigned any;
};

static int
see(void *arg, struct lk_store_record *r, size_t n)
{
	struct asker *a = arg;

	(void)n;
	snprintf(a->seen, sizeof(a->seen), "%.*s", (int)r->old_len, (const char *)r->old);
	if (a->changes) {
		r->fresh = "other";
		r->fresh_len = 5;
		r->changed = 1;
	}
	return a->returns;
}

static int
ask_for(struct asker *a)
{
	struct lk_store_record r = { .name = a->name, .len = strlen(a->name) };

	a->seen[0] = '\0';
	return a->s->ops->update(a->s, &r, 1, see, a, NEVER);
}

static void
forbid(struct stage *g, bool is_forbidden)
{
	server_do(&g->server,
		  is_forbidden ? "ACL SETUSER app -evalsha" : "ACL SETUSER app +evalsha");
}

static void
ask_as_heard(void *arg, const void *name, size_t len)
{
	struct asker *a = arg;

	if (name == NULL) {
		atomic_fetch_add(&a->any, 1);
		return;
	}
	cr_assert(len == 1 && memcmp(name, "n", 1) == 0);
	forbid(a->g, true);
	a->rc = ask_for(a);
	forbid(a->g, false);
	atomic_fetch_add(&a->heard, 1);
}

static void
asker_begin(struct asker *a, struct stage *g, const char *url)
{
	*a = (struct asker){ .g = g, .s = store_open(url), .name = "n" };
	ok(a->s->ops->watch(a->s, ask_as_heard, a));
	wait_until(atomic_load(&a->any) == 1);
}

/* What came of it when somebody else has written that. */
static int
heard_of(struct asker *a, struct lk_store *other, const char *text)
{
	const unsigned before = atomic_load(&a->heard);

	ok(put_text(other, "n", text));
	wait_until(atomic_load(&a->heard) == before + 1);
	return a->rc;
}

Test(listening, a_hint_answers_who_is_called_with_it)
{
	struct lk_store *other;
	struct asker a;
	struct stage g;

	stage_make(&g, NULL);
	asker_begin(&a, &g, g.socket_url);
	other = store_open(g.socket_url);
	ok(put_text(a.s, "n", "one"));
	ok(heard_of(&a, other, "two"));
	cr_assert_str_eq(a.seen, "two");
	ok(heard_of(&a, other, "three")); /* one after the other */
	cr_assert_str_eq(a.seen, "three");
	ok(put_text(a.s, "n", "mine"));
	cr_assert(has_text(other, "n", "mine"), "what was heard was compared, and was there");
	ok(heard_of(&a, other, "four"));
	cr_assert_str_eq(a.seen, "four");
	lk_store_close(a.s);
	lk_store_close(other);
	stage_remove(&g);
}

Test(listening, a_hint_is_no_answer_to_anything_else)
{
	struct lk_store *other;
	struct asker a;
	struct stage g;

	stage_make(&g, NULL);
	asker_begin(&a, &g, g.socket_url);
	other = store_open(g.socket_url);
	ok(put_text(a.s, "n", "one"));
	ok(put_text(a.s, "m", "another"));
	a.changes = true;
	is(heard_of(&a, other, "two"), LK_E_PERM);
	a.changes = false;
	a.returns = 77;
	is(heard_of(&a, other, "three"), LK_E_PERM);
	a.returns = 0;
	a.name = "m";
	is(heard_of(&a, other, "four"), LK_E_PERM);
	a.name = "n";
	ok(heard_of(&a, other, "five"));
	forbid(&g, true);
	is(ask_for(&a), LK_E_PERM); /* in another thread, later */
	forbid(&g, false);
	lk_store_close(a.s);
	lk_store_close(other);
	stage_remove(&g);
}

/* Of what came before it nothing is known: then it is read. */
Test(listening, a_hint_that_follows_what_is_not_known_is_a_guess)
{
	struct lk_store *other;
	struct asker a;
	struct stage g;

	stage_make(&g, NULL);
	other = store_open(g.socket_url);
	ok(put_text(other, "n", "one"));
	asker_begin(&a, &g, g.socket_url);
	is(heard_of(&a, other, "two"), LK_E_PERM);
	is(heard_of(&a, other, "three"), LK_E_PERM); /* nor is it known by a guess */
	cr_assert(has_text(a.s, "n", "three"));
	ok(heard_of(&a, other, "four"));
	ok(put(other, "n", NULL, 0, NEVER));
	wait_until(atomic_load(&a.heard) == 4);
	is(a.rc, LK_E_PERM);
	lk_store_close(a.s);
	lk_store_close(other);
	stage_remove(&g);
}

struct text {
	char bytes[128];
	size_t len;
};

static struct text
text_at(struct stage *g, const char *key)
{
	redisReply *r = redisCommand(g->server.c, "GET %s", key);
	struct text t;

	cr_assert(r != NULL && r->type == REDIS_REPLY_STRING && (size_t)r->len < sizeof(t.bytes));
	t.len = (size_t)r->len;
	memcpy(t.bytes, r->str, t.len);
	freeReplyObject(r);
	return t;
}

/* Over a connection of its own, as who hears it uses the other one. */
static void
say(struct stage *g, const char *message, size_t len)
{
	redisContext *c = redisConnectUnix(g->server.socket);
	redisReply *r;

	cr_assert(c != NULL && c->err == 0);
	r = redisCommand(c, "PUBLISH {latchkey}h %b", message, len);
	cr_assert(r != NULL && r->type == REDIS_REPLY_INTEGER && r->integer == 1);
	freeReplyObject(r);
	redisFree(c);
}

/* As the scripts would: somebody has written that after the version `was`, in that epoch; the lengths as they are said. */
static void
publish(struct stage *g, const char *lengths, const struct text *epoch, const struct text *was)
{
	char message[512];
	const int n = snprintf(message, sizeof(message), "somebody%s{latchkey}rn", lengths);
	size_t len = (size_t)n;

	memcpy(message + len, epoch->bytes, epoch->len);
	len += epoch->len;
	memcpy(message + len, was->bytes, 16);
	len += 16;
	memcpy(message + len, "0123456789abcdefwritten", 23);
	len += 23;
	say(g, message, len);
}

static int
heard_from(struct asker *a, const struct text *epoch, const struct text *was)
{
	const unsigned before = atomic_load(&a->heard);
	char lengths[16];

	snprintf(lengths, sizeof(lengths), "%04x%04x", 12u, (unsigned)epoch->len);
	publish(a->g, lengths, epoch, was);
	wait_until(atomic_load(&a->heard) == before + 1);
	return a->rc;
}

Test(listening, a_hint_of_another_epoch_is_a_guess)
{
	struct text epoch, other, was;
	struct asker a;
	struct stage g;

	stage_make(&g, NULL);
	asker_begin(&a, &g, g.socket_url);
	ok(put_text(a.s, "n", "one"));
	epoch = other = text_at(&g, "{latchkey}e");
	other.bytes[other.len - 1] ^= 1;
	was = text_at(&g, "{latchkey}rn");
	is(heard_from(&a, &other, &was), LK_E_PERM);
	cr_assert(has_text(a.s, "n", "one"));
	ok(heard_from(&a, &epoch, &was));
	cr_assert_str_eq(a.seen, "written");
	lk_store_close(a.s);
	stage_remove(&g);
}

/* What nobody of us has said may be about anything. */
Test(listening, a_hint_that_is_cut_is_heard_as_any)
{
	static const char *const lengths[] = { "ffff0000", "000cffff", "000c0fff",
					       "0xyz0000", "000c----", "+00c0000" };
	struct text epoch, was;
	struct asker a;
	struct stage g;

	stage_make(&g, NULL);
	asker_begin(&a, &g, g.socket_url);
	ok(put_text(a.s, "n", "one"));
	epoch = text_at(&g, "{latchkey}e");
	was = text_at(&g, "{latchkey}rn");
	for (unsigned i = 0; i < countof(lengths); i++) {
		publish(&g, lengths[i], &epoch, &was);
		wait_until(atomic_load(&a.any) == i + 2);
	}
	cr_assert_eq(atomic_load(&a.heard), 0);
	lk_store_close(a.s);
	stage_remove(&g);
}

/* Who has heard of it since he asked last, and says so: in another thread, and later.  `*seen`: what he is shown. */
static int
look_as_heard(struct asker *a)
{
	struct lk_store_record r = { .name = a->name,
				     .len = strlen(a->name),
				     .flags = LK_STORE_HEARD };

	a->seen[0] = '\0';
	return a->s->ops->read(a->s, &r, 1, see, a, NEVER);
}

static int
look_as_heard_only(struct asker *a)
{
	int rc;

	forbid(a->g, true);
	rc = look_as_heard(a);
	forbid(a->g, false);
	return rc;
}

Test(listening, a_hint_answers_who_looks_as_he_has_heard_of_it)
{
	struct lk_store *other;
	struct asker a;
	struct stage g;
	char buf[32];

	stage_make(&g, NULL);
	asker_begin(&a, &g, g.socket_url);
	other = store_open(g.socket_url);
	cr_assert_neq(a.s->ops->capabilities & LK_STORE_CAN_HEAR, 0);
	ok(put_text(a.s, "n", "one"));
	is(look_as_heard_only(&a), LK_E_PERM); /* that is ours, and no hint's */
	ok(heard_of(&a, other, "two"));
	ok(look_as_heard_only(&a));
	cr_assert_str_eq(a.seen, "two");
	forbid(&g, true);
	is(get(a.s, "n", buf, sizeof(buf), NEVER), LK_E_PERM); /* who does not say so asks */
	forbid(&g, false);
	a.name = "m";
	is(look_as_heard_only(&a), LK_E_PERM);
	a.name = "n";
	ok(look_as_heard(&a));
	ok(put_text(a.s, "n", "mine"));
	is(look_as_heard_only(&a), LK_E_PERM);
	ok(look_as_heard(&a)); /* then it is read */
	cr_assert_str_eq(a.seen, "mine");
	lk_store_close(a.s);
	lk_store_close(other);
	stage_remove(&g);
}

/* Somebody has written on what we write, and his hint is here before our answer: the version is foretold here, as numbers go on by one. */
Test(listening, a_hint_may_be_quicker_than_the_answer_that_it_follows)
{
	struct text epoch, was;
	struct asker a;
	struct stage g;

	stage_make(&g, NULL);
	asker_begin(&a, &g, g.socket_url);
	ok(put_text(a.s, "n", "one"));
	epoch = text_at(&g, "{latchkey}e");
	was = text_at(&g, "{latchkey}rn");
	was.bytes[8] =
		(char)(was.bytes[8] + 2); /* the next one is refused, as it is made of the hint */
	is(heard_from(&a, &epoch, &was), LK_E_PERM);
	is(look_as_heard_only(&a), LK_E_PERM);
	ok(put_text(a.s, "n", "two"));
	cr_assert(memcmp(text_at(&g, "{latchkey}rn").bytes, was.bytes, 16) == 0);
	ok(look_as_heard_only(&a));
	cr_assert_str_eq(a.seen, "written");
	cr_assert(has_text(a.s, "n", "two"), "that was nobody");
	lk_store_close(a.s);
	stage_remove(&g);
}
