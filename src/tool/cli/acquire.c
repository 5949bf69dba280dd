/* SPDX-License-Identifier: MIT */
/*
 * `latchkey acquire`: a lock for whoever has its token; it outlives this process.
 *
 * Until the token has been written, nobody but this process knows of the lock: whatever ends it before, a signal or an output
 * that fails, gives the lock back.  If it is killed in between, the lease is over some day.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "token.h"

/* ---------------------------------------------------------------------- signals while it waits */

/* A thread of its own: what ends the wait may itself wait, which a handler must not. */
struct watch {
	pthread_t thread;
	sigset_t set;
	struct lk_manager *m;
	int caught; /* 0: none */
};

enum { ENOUGH = SIGUSR2 };

static bool
is_ignored(int signal)
{
	struct sigaction was;

	return sigaction(signal, NULL, &was) == 0 && was.sa_handler == SIG_IGN;
}

/* Before any thread of the library's begins, as they begin with what is blocked here. */
static void
block_signals(sigset_t *set)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
		if (!is_ignored(ending[i])) /* somebody wanted it not to be told (nohup) */
			sigaddset(set, ending[i]);
	}
	sigaddset(set, ENOUGH);
	(void)pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void *
watch_signals(void *arg)
{
	struct lk_options at_once = LK_OPTIONS_INIT;
	struct watch *w = arg;
	int signal = ENOUGH;

	(void)sigwait(&w->set, &signal);
	if (signal == ENOUGH)
		return NULL;
	w->caught = signal;
	at_once.flags = LK_NOWAIT;
	forget(lk_shutdown(w->m, &at_once));
	return NULL;
}

/* Which signal came, if any did. */
static int
watch_end(struct watch *w)
{
	(void)pthread_kill(w->thread, ENOUGH);
	(void)pthread_join(w->thread, NULL);
	return w->caught;
}

/* ------------------------------------------------------------------------------ the lock */

struct acquire {
	struct call *c;
	struct lk_manager *m;
	lk_mode mode;
	struct lk_options o;
	char token[LK_TOKEN_MAX];
};

static bool
read_options(struct acquire *a)
{
	const struct call *c = a->c;

	a->mode = LK_X;
	if (call_mode(c, "mode", &a->mode) || call_patience(c, &a->o) ||
	    token_lease(c, &a->o.lease_ns))
		return false;
	if (a->o.lease_ns != 0)
		return true;
	complain(c, "--lease is needed, as 10m: nobody else ends a lock whose token is lost");
	return false;
}

static int
refused(const struct acquire *a, int rc)
{
	char words[256] = "";

	if (rc == LK_E_STORE || rc == LK_E_BREAKER || rc == LK_E_UNKNOWN || rc == LK_E_CORRUPT)
		forget(lk_store_error(a->m, words, sizeof(words)));
	complain(a->c, "%s: %s%s%s", a->c->operands[0], words_of(rc), words[0] != '\0' ? ": " : "",
		 words);
	return exit_of(rc);
}

/* An exit code. */
static int
take(struct acquire *a, const sigset_t *set)
{
	struct watch w = { .set = *set, .m = a->m };
	int rc, caught;

	if (pthread_create(&w.thread, NULL, watch_signals, &w) != 0) {
		complain(a->c, "there is no thread to be had");
		return EXIT_SYSTEM;
	}
	rc = lk_detach(a->m, a->c->operands[0], a->mode, &a->o, a->token, sizeof(a->token));
	caught = watch_end(&w);
	if (caught == 0)
		return rc == 0 ? 0 : refused(a, rc);
	if (rc == 0)
		forget(lk_token_release(a->m, a->token));
	complain(a->c, "%s: given up by a signal: %s", a->c->operands[0], strsignal(caught));
	return EXIT_SIGNAL + caught;
}

static int
say(const struct acquire *a)
{
	json_t *o;

	if (!a->c->json)
		return printf("%s\n", a->token) < 0 ? EXIT_IO : 0;
	o = json_pack("{s:s, s:s, s:o}", "mode", lk_modename(a->mode), "token", a->token, "fence",
		      number_text(token_fence(a->token)));
	if (o != NULL)
		put_bytes(o, "name", a->c->operands[0], strlen(a->c->operands[0]));
	return put_json(o);
}

/* What nobody was told of, nobody could release.  That the output failed, main() says. */
static int
tell(const struct acquire *a)
{
	const int code = say(a);

	if (fflush(stdout) != 0 || ferror(stdout) || code != 0)
		forget(lk_token_release(a->m, a->token));
	return code;
}

int
acquire_run(struct call *c)
{
	struct lk_config config = LK_CONFIG_INIT;
	struct acquire a = { .c = c, .o = LK_OPTIONS_INIT };
	sigset_t set;
	int code;

	if (!read_options(&a))
		return EXIT_USAGE;
	block_signals(&set);
	config.label = "latchkey acquire";
	code = token_open(c, &config, &a.m);
	if (code != 0)
		return code;
	code = take(&a, &set);
	if (code == 0)
		code = tell(&a);
	forget(lk_close(a.m));
	return code;
}
