/* SPDX-License-Identifier: MIT */
/* `latchkey renew`, `latchkey release`, `latchkey check`: what is done with the token of `latchkey acquire`. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "token.h"

bool
token_lease(const struct call *c, uint64_t *ns)
{
	if (call_time(c, "lease", ns))
		return true;
	if (call_option(c, "lease") == NULL || *ns >= LK_LEASE_MIN_NS)
		return false;
	complain(c, "--lease %s: it would be over at once", call_option(c, "lease"));
	return true;
}

int
token_open(struct call *c, struct lk_config *config, struct lk_manager **out)
{
	const char *url = place_url(c);

	if (url != NULL && strncmp(url, "memory:", 7) == 0) {
		complain(c,
			 "%s: nothing there outlives this process: say --store file:DIR or "
			 "sqlite:PATH",
			 url);
		return EXIT_USAGE;
	}
	return place_open(c, config, out);
}

uint64_t
token_fence(const char *token)
{
	struct lk_token_info info = { .size = (uint32_t)sizeof(info) };

	return lk_token_parse(token, &info) == 0 ? info.fence : 0;
}

/* Is it a token at all, and one that this process can use? */
static bool
is_usable(const struct call *c)
{
	struct lk_token_info info = { .size = (uint32_t)sizeof(info) };
	const char *token = c->operands[0];

	if (lk_token_parse(token, &info) != 0) {
		complain(c, "%s: this is no token of `latchkey acquire`", token);
		return false;
	}
	if (info.owner_id == 0)
		return true;
	complain(
		c,
		"%s: only the process that has this lock can use its token; see `latchkey acquire`",
		token);
	return false;
}

/* How it is with the lock afterwards; NULL: nobody knows. */
static const char *
state_of(int rc, const char *good)
{
	switch (rc) {
	case 0:
		return good;
	case LK_E_SUSPECT:
		return "suspect";
	case LK_E_LOST:
		return "lost";
	case LK_E_STALE:
		return "gone";
	default:
		return NULL;
	}
}

/* An exit code. */
static int
complain_of_state(const struct call *c, int rc)
{
	if (rc == LK_E_LOST) {
		complain(c, "the lock is lost: its lease is over, or it was taken away");
		return EXIT_LOST;
	}
	if (rc == LK_E_STALE) {
		complain(c, "the lock is not held any more, or not in this store");
		return EXIT_NOT_ACQUIRED;
	}
	return complain_of(c, c->url, rc);
}

/* A lock whose time is nearly over is held. */
static int
tell(const struct call *c, int rc, const char *good, bool is_asked)
{
	const char *state = state_of(rc, good);
	int code = 0;

	if (state != NULL && c->json)
		code = put_json(json_pack("{s:s, s:o}", "state", state, "fence",
					  number_text(token_fence(c->operands[0]))));
	else if (is_asked && (rc == 0 || rc == LK_E_SUSPECT))
		printf("%s\n", rc == 0 ? state : "held, but most of its lease is over");
	if (code == 0 && rc != 0 && rc != LK_E_SUSPECT)
		code = complain_of_state(c, rc);
	return code;
}

/* Opens the store for one of them; an exit code. */
static int
begin(struct call *c, struct lk_manager **m)
{
	struct lk_config config = LK_CONFIG_INIT;

	if (!is_usable(c))
		return EXIT_USAGE;
	config.label = "latchkey";
	return token_open(c, &config, m);
}

int
renew_run(struct call *c)
{
	struct lk_manager *m;
	uint64_t lease_ns = 0; /* as long as before */
	int code, rc;

	if (token_lease(c, &lease_ns))
		return EXIT_USAGE;
	code = begin(c, &m);
	if (code != 0)
		return code;
	rc = lk_token_renew(m, c->operands[0], lease_ns);
	forget(lk_close(m));
	return tell(c, rc, "held", false);
}

int
release_run(struct call *c)
{
	struct lk_manager *m;
	int code = begin(c, &m);
	int rc;

	if (code != 0)
		return code;
	rc = lk_token_release(m, c->operands[0]);
	forget(lk_close(m));
	return tell(c, rc, "released", false);
}

int
check_run(struct call *c)
{
	struct lk_manager *m;
	int code = begin(c, &m);
	int rc;

	if (code != 0)
		return code;
	rc = lk_token_check(m, c->operands[0]);
	forget(lk_close(m));
	return tell(c, rc, "held", true);
}
