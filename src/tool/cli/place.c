/* SPDX-License-Identifier: MIT */
/* Which store, and a manager in it. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

enum { WHY_MAX = 512 };

/* "file:" and the folder, of which '%', '?' and '&' would mean something else in a URL. */
static char *
url_of_folder(const char *dir)
{
	char *url = malloc(3 * strlen(dir) + sizeof("file:"));
	char *at;

	if (url == NULL)
		return NULL;
	at = stpcpy(url, "file:");
	for (; *dir != '\0'; dir++) {
		if (strchr("%?&#", *dir) != NULL)
			at += sprintf(at, "%%%02X", (unsigned char)*dir);
		else
			*at++ = *dir;
	}
	*at = '\0';
	return url;
}

/* ~/.cache is made, as a user may have none yet. */
static char *
folder_at_home(const struct call *c)
{
	const char *home = getenv("HOME");
	const struct passwd *p = home == NULL || *home == '\0' ? getpwuid(getuid()) : NULL;
	char *dir;

	if (p != NULL)
		home = p->pw_dir;
	if (home == NULL || *home == '\0') {
		complain(c, "there is no home folder to keep locks in: say --store or --dir");
		return NULL;
	}
	if (asprintf(&dir, "%s/.cache", home) < 0)
		return NULL;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		complain(c, "%s: %s", dir, strerror(errno));
		free(dir);
		return NULL;
	}
	free(dir);
	return asprintf(&dir, "%s/.cache/latchkey", home) < 0 ? NULL : dir;
}

static char *
folder_of_user(const struct call *c)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	struct stat st;
	char *dir;

	if (run == NULL || *run != '/' || stat(run, &st) != 0 || st.st_uid != geteuid())
		return folder_at_home(c);
	return asprintf(&dir, "%s/latchkey", run) < 0 ? NULL : dir;
}

static char *
find_url(const struct call *c)
{
	const char *said = getenv("LATCHKEY_URL");
	char *dir, *url;

	if (c->store != NULL)
		return strdup(c->store);
	if (c->dir != NULL)
		return url_of_folder(c->dir);
	if (said != NULL && *said != '\0')
		return strdup(said);
	dir = folder_of_user(c);
	url = dir != NULL ? url_of_folder(dir) : NULL;
	free(dir);
	return url;
}

const char *
place_url(struct call *c)
{
	if (c->url == NULL)
		c->url = find_url(c);
	return c->url;
}

static int
complain_of_place(const struct call *c, const char *why, int rc)
{
	if (strncmp(why, c->url, strlen(c->url)) == 0)
		complain(c, "%s", why);
	else
		complain(c, "%s: %s", c->url, why[0] != '\0' ? why : lk_strerror(rc));
	/* what did not come in time, or is full, is not a lock that is taken */
	return exit_of(rc) == EXIT_NOT_ACQUIRED ? EXIT_UNREACHABLE : exit_of(rc);
}

int
place_open(struct call *c, struct lk_config *config, struct lk_manager **out)
{
	char why[WHY_MAX] = "";
	int rc;

	if (place_url(c) == NULL)
		return EXIT_SYSTEM;
	config->report = why;
	config->report_cap = sizeof(why);
	rc = lk_open(c->url, config, out);
	return rc == 0 ? 0 : complain_of_place(c, why, rc);
}

const char *const setting_names[] = {
#define SETTING_NAME(field, standard, lowest, highest, off) #field,
	LK_SETTING_LIST(SETTING_NAME)
#undef SETTING_NAME
		"strict",
	"timed",
	"debug_order",
	"manual",
	"label",
	"preset",
	NULL,
};

/* Is it a setting of a manager, and no parameter of the store? */
static bool
is_setting(const char *name, size_t len)
{
	for (size_t i = 0; setting_names[i] != NULL; i++) {
		if (strlen(setting_names[i]) == len && memcmp(setting_names[i], name, len) == 0)
			return true;
	}
	return false;
}

/* The URL with what the store alone understands; to be freed.  NULL: no memory. */
static char *
url_of_store(const char *url)
{
	const char *query = strchr(url, '?');
	const size_t n = query != NULL ? (size_t)(query - url) : strlen(url);
	char *out = strdup(url);
	char *at = out != NULL ? out + n : NULL;
	char mark = '?';

	while (at != NULL && query != NULL) {
		const char *text = query + 1;
		const size_t len = strcspn(text, "&");

		query = text[len] != '\0' ? text + len : NULL;
		if (is_setting(text, strcspn(text, "=&")))
			continue;
		*at++ = mark;
		at = mempcpy(at, text, len);
		mark = '&';
	}
	if (at != NULL)
		*at = '\0';
	return out;
}

int
place_open_store(struct call *c, uint32_t flags, struct lk_store **out)
{
	char why[WHY_MAX] = "";
	struct lk_store_open o = {
		.size = (uint32_t)sizeof(o),
		.flags = flags,
		.report = why,
		.report_cap = sizeof(why),
	};
	char *url = place_url(c) != NULL ? url_of_store(c->url) : NULL;
	int rc;

	if (url == NULL)
		return EXIT_SYSTEM;
	rc = lk_store_open(url, &o, out);
	free(url);
	return rc == 0 ? 0 : complain_of_place(c, why, rc);
}
