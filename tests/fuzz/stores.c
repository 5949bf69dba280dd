/* SPDX-License-Identifier: MIT */
/*
 * lk_store_open with any text: it is refused with a code and a sentence, or opens what it says.
 *
 * The first byte of the input says what the URL is: of a scheme of our own, which looks at what the text became; of
 * "test:"; of "file:" with a folder of our own, where the rest is parameters; or all of it.  The second says how much
 * room there is for the sentence.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <latchkey.h>
#include <latchkey/store.h>

#include "fuzz.h"

enum { REPORT = 256, CANARY = 0x5a, LONGEST = 2048 };

static const char *const parameters[] = { "a", "b", "stripes", "%", "x y", "", NULL };
static const char *wanted; /* a URL that was taken apart already: it becomes the same */
static char again[3 * LONGEST * 2];

static size_t
escape(char *to, const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += (size_t)sprintf(to + n, "%%%02X", (unsigned char)*text);
	return n;
}

/* All of what it became, each byte as %XX. */
static void
write_again(const struct lk_store_open *o, char *to)
{
	size_t n = (size_t)sprintf(to, "%s:", o->scheme);

	n += escape(to + n, o->rest);
	for (size_t i = 0; i < o->n_parameters; i++) {
		to[n++] = i == 0 ? '?' : '&';
		n += escape(to + n, o->parameters[i].name);
		to[n++] = '=';
		n += escape(to + n, o->parameters[i].value);
	}
	to[n] = '\0';
}

static bool
is_known(const char *name)
{
	for (size_t i = 0; parameters[i] != NULL; i++) {
		if (strcmp(parameters[i], name) == 0)
			return true;
	}
	return false;
}

static int
look(const struct lk_store_open *o, struct lk_store **out)
{
	static char here[sizeof(again)];

	(void)out;
	must(strcmp(o->scheme, "fuzz") == 0 && o->rest != NULL);
	must(o->allocator != NULL && o->environment != NULL);
	for (size_t i = 0; i < o->n_parameters; i++) {
		must(is_known(o->parameters[i].name) && o->parameters[i].name[0] != '\0');
		must(o->parameters[i].value != NULL);
		for (size_t k = 0; k < i; k++)
			must(strcmp(o->parameters[i].name, o->parameters[k].name) != 0);
	}
	write_again(o, here);
	if (wanted != NULL)
		must(strcmp(wanted, here) == 0);
	strcpy(again, here);
	return LK_E_PERM; /* there is no such store */
}

/* As the test store has them; they are never called. */
static void
register_ours(void)
{
	static struct lk_store_ops ops;
	struct lk_store *s;

	must(lk_store_open("test:fuzz", NULL, &s) == 0);
	ops = *s->ops;
	ops.scheme = "fuzz";
	ops.parameters = parameters;
	ops.open = look;
	lk_store_close(s);
	must(lk_store_register(&ops) == 0);
}

static char folder[64];

static void
remove_folder(void)
{
	static const char *const files[] = { "space", "durable", "sessions", "hints" };
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		(void)unlink(path);
	}
	for (unsigned i = 0; i < 62; i++) {
		(void)snprintf(path, sizeof(path), "%s/s%02u", folder, i);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static void
choose_folder(void)
{
	const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(folder, sizeof(folder), "%s/latchkey-fuzz-%d", top, (int)getpid());
	(void)atexit(remove_folder);
}

static bool
begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* The URL of an input; NULL: none that may be opened here.  For free(). */
static char *
url_of(unsigned kind, const char *text)
{
	char *url = malloc(strlen(text) + 128);

	must(url != NULL);
	switch (kind % 4) {
	case 0:
		(void)sprintf(url, "fuzz:%s", text);
		return url;
	case 1:
		(void)sprintf(url, "test:%s", text);
		return url;
	case 2:
		(void)sprintf(url, "file:%s?%s", folder, text);
		return url;
	default:
		strcpy(url, text);
		if (!begins_with(url, "file:") && !begins_with(url, "sqlite:"))
			return url; /* not in anybody's folders */
		free(url);
		return NULL;
	}
}

static int
change(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)n;
	r->fresh = "x";
	r->fresh_len = 1;
	r->changed = 1;
	return 0;
}

static void
use(struct lk_store *s)
{
	struct lk_guarantee level = { .size = sizeof(level) };
	struct lk_store_record r = { .name = "name", .len = 4 };
	int rc = s->ops->update(s, &r, 1, change, NULL, UINT64_MAX);

	must(rc == 0 || rc == LK_E_LIMIT || rc == LK_E_PERM || rc == LK_E_UNKNOWN ||
	     rc == LK_E_STORE);
	must(s->ops->level(s, &level) == 0 && level.level != 0);
}

/* The code. */
static int
open_it(const char *url, size_t cap)
{
	char report[REPORT + 1];
	struct lk_store_open o = { .size = sizeof(o), .report = report, .report_cap = cap };
	struct lk_store *s = NULL;
	char *copy = strdup(url); /* exactly, so that a look behind its end is found */
	int rc;

	must(copy != NULL);
	memset(report, CANARY, sizeof(report));
	rc = lk_store_open(copy, &o, &s);
	free(copy);
	must(report[cap] == CANARY);
	if (cap > 0)
		must(memchr(report, '\0', cap) != NULL);
	if (cap > 1 && rc != LK_E_PERM && rc != LK_E_NOMEM)
		must((rc == 0) == (report[0] == '\0'));
	if (rc == 0) {
		use(s);
		lk_store_close(s);
	} else {
		must(rc == LK_E_INVAL || rc == LK_E_UNSUPPORTED || rc == LK_E_NOMEM ||
		     rc == LK_E_PERM || rc == LK_E_LIMIT);
		must(s == NULL);
	}
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static bool is_ready;
	char text[LONGEST + 1];
	char *url;
	int rc;

	if (n < 2 || n > LONGEST)
		return 0;
	if (!is_ready) {
		choose_folder();
		register_ours();
		is_ready = true;
	}
	memcpy(text, bytes + 2, n - 2);
	text[n - 2] = '\0';
	url = url_of(bytes[0], text);
	if (url == NULL)
		return 0;
	wanted = NULL;
	rc = open_it(url, bytes[1] % REPORT);
	if (rc == LK_E_PERM && begins_with(url, "fuzz:")) {
		static char same[sizeof(again)];

		strcpy(same, again);
		wanted = same;
		must(open_it(same, REPORT) == LK_E_PERM);
	}
	if (bytes[0] % 4 == 2 && rc == 0)
		remove_folder(); /* so that other stripes can be asked for */
	free(url);
	return 0;
}
