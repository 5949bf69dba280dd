/* SPDX-License-Identifier: MIT */
/* `latchkey doctor`: what is installed, what the store promises, whether clocks are sane, and one round trip. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "json.h"
#include "times.h"

/* What was found: a line for people, a member of an object for programs. */
struct finding {
	struct call *c;
	json_t *all;
	int code; /* the first that is wrong */
};

static void
find(struct finding *f, const char *what, int code, const char *text)
{
	if (f->code == 0)
		f->code = code;
	if (f->c->json) {
		(void)json_object_set_new(f->all, what,
					  json_pack("{s:b, s:s}", "ok", code == 0, "words", text));
		return;
	}
	printf("%-5s", code == 0 ? "ok" : "BAD");
	put_heading(what);
	printf(": %s\n", text);
}

/* A store that has to be loaded is not opened here; what is wrong with the URL shows that it is there. */
static void
find_stores(struct finding *f)
{
	static const char *const schemes[] = { "memory", "file", "sqlite", "redis", "rediss" };
	char text[128] = "memory";
	struct lk_store *store;

	for (size_t i = 1; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		char url[32];
		const size_t n = strlen(text);
		int rc;

		snprintf(url, sizeof(url), "%s:?no-such-parameter=1", schemes[i]);
		rc = lk_store_open(url, NULL, &store);
		if (rc == 0)
			lk_store_close(store);
		if (rc != LK_E_UNSUPPORTED)
			snprintf(text + n, sizeof(text) - n, ", %s", schemes[i]);
	}
	find(f, "stores", 0, text);
}

static void
find_clocks(struct finding *f)
{
	struct timespec wall, boot, before;
	char text[160];
	bool is_sane;

	clock_gettime(CLOCK_BOOTTIME, &before);
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	is_sane = wall.tv_sec > 1700000000 && boot.tv_sec >= before.tv_sec;
	snprintf(text, sizeof(text),
		 is_sane ? "the wall clock says %lld seconds since 1970"
			 : "the wall clock says %lld seconds since 1970, which cannot be: fences "
			   "begin by it",
		 (long long)wall.tv_sec);
	find(f, "clock", is_sane ? 0 : EXIT_SYSTEM, text);
}

static void
find_capabilities(struct finding *f, const struct lk_store *store)
{
	static const struct {
		uint32_t bit;
		const char *yes, *no;
	} can[] = {
		{ LK_STORE_CAN_WATCH, "tells of changes", "has to be asked for changes" },
		{ LK_STORE_SEES_DEATH, "sees the end of a process",
		  "waits for the time to live of a process that ended" },
		{ LK_STORE_CAN_DURABLE, "fences outlive a power cut",
		  "nothing outlives a power cut" },
	};
	char text[256] = "";

	for (size_t i = 0; i < sizeof(can) / sizeof(can[0]); i++) {
		const size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s", n != 0 ? ", " : "",
			 (store->ops->capabilities & can[i].bit) != 0 ? can[i].yes : can[i].no);
	}
	find(f, "abilities", 0, text);
}

static void
find_guarantee(struct finding *f, const struct lk_store *store)
{
	struct lk_guarantee g = { .size = (uint32_t)sizeof(g) };
	char text[600];

	if (store->ops->level((struct lk_store *)store, &g) != 0)
		return;
	snprintf(text, sizeof(text), "%s. %s", level_name(g.level), g.words);
	find(f, "guarantee", 0, text);
}

/* One lock and its release, through the store. */
static void
find_round_trip(struct finding *f, struct lk_manager *m)
{
	struct lk_options o = LK_OPTIONS_INIT;
	const uint64_t begin = times_now();
	char text[160], took[32];
	lk_grant g;
	int rc;

	o.timeout_ns = 10 * INT64_C(1000000000);
	rc = lk_acquire(lk_self(m), "latchkey-doctor", LK_X, &o, &g);
	if (rc == 0)
		rc = lk_release(lk_self(m), g);
	(void)lk_format_duration_ns(times_now() - begin, took, sizeof(took));
	snprintf(text, sizeof(text), "%s, a lock and its release",
		 rc == 0 ? took : lk_strerror(rc));
	find(f, "round trip", exit_of(rc), text);
}

/* What the store says of itself after that. */
static void
find_health(struct finding *f, struct lk_manager *m)
{
	struct lk_health h = { .size = sizeof(h) };

	if (lk_health(m, &h) == 0)
		find(f, "store's health", 0, h.part[LK_HEALTH_PART_store].words);
}

/* What somebody else than the library said. */
static int
find_setting(void *arg, const struct lk_setting *s)
{
	static const char *const from[] = { "?",   "default", "file", "environment",
					    "URL", "set",     "store" };
	char what[64];

	if (s->from == LK_FROM_DEFAULT || (s->from == LK_FROM_CALL && *s->value == '\0'))
		return 0;
	snprintf(what, sizeof(what), "setting %s", s->name);
	if (s->from != LK_FROM_CALL) {
		char text[LK_CONFIG_TEXT_MAX + 32];

		snprintf(text, sizeof(text), "%s (%s)", s->value,
			 from[s->from <= LK_FROM_STORE ? s->from : 0]);
		find(arg, what, 0, text);
	}
	return 0;
}

static int
find_in_store(struct finding *f)
{
	struct lk_config config = LK_CONFIG_INIT;
	struct lk_store *store;
	struct lk_manager *m;
	int code = strncmp(f->c->url, "memory:", 7) != 0 ? place_open_store(f->c, 0, &store) : -1;

	find(f, "store", code > 0 ? code : 0, f->c->url);
	if (code > 0)
		return code;
	if (code == 0) {
		find_capabilities(f, store);
		find_guarantee(f, store);
		lk_store_close(store);
	}
	if (strstr(f->c->url, "linger_ns=") == NULL)
		config.linger_ns = LK_OFF;
	code = place_open(f->c, &config, &m);
	if (code != 0)
		return code;
	find_round_trip(f, m);
	find_health(f, m);
	forget(lk_config_each(m, find_setting, f));
	forget(lk_close(m));
	return 0;
}

int
doctor_run(struct call *c)
{
	struct finding f = { .c = c, .all = json_object() };
	int code;

	if (place_url(c) == NULL)
		return EXIT_SYSTEM;
	find(&f, "version", 0, lk_version());
	find_stores(&f);
	find_clocks(&f);
	code = find_in_store(&f);
	if (c->json)
		(void)put_json(f.all);
	else
		json_decref(f.all);
	return code != 0 ? code : f.code;
}
