/* SPDX-License-Identifier: MIT */
/*
 * Tokens: what is parsed is the only text of what it says; and whatever the bytes are, no call by token takes them
 * for one of the two grants that there are, unless they are its token.
 *
 * The first byte says what the rest is: 0, the whole text; else it is put over a real token from that place on.
 */
#include <string.h>

#include <latchkey.h>

#include "fuzz.h"

enum { LONGEST = 200 };

static struct lk_manager *m;
static struct lk_owner *w;
static lk_grant g[2];
static char real[2][LK_TOKEN_MAX];

static void
set_up(void)
{
	if (m != NULL)
		return;
	must(lk_open(NULL, NULL, &m) == 0);
	must(lk_owner_open(m, NULL, &w) == 0);
	for (int i = 0; i < 2; i++) {
		must(lk_acquire_id(w, (uint64_t)i, LK_X, NULL, &g[i]) == 0);
		must(lk_token(w, g[i], real[i], sizeof(real[i])) == 0);
	}
}

/* By hand, so that it cannot share a mistake with the library. */
static void
print(const struct lk_token_info *info, const char *check, char out[LK_TOKEN_MAX])
{
	int n = snprintf(out, LK_TOKEN_MAX, "lk1-%016llx-%016llx-%016llx-%.16s",
			 (unsigned long long)info->fence, (unsigned long long)info->owner_id,
			 (unsigned long long)info->grant, check);

	must(n == (int)LK_TOKEN_MAX - 1);
}

static void
try_token(const char *text)
{
	struct lk_token_info info = { .size = sizeof(info) };
	char again[LK_TOKEN_MAX];
	int rc = lk_token_parse(text, &info);
	bool is_real = strcmp(text, real[0]) == 0 || strcmp(text, real[1]) == 0;

	must(rc == 0 || rc == LK_E_INVAL);
	must(rc == 0 || !is_real);
	if (rc == 0) {
		must(strlen(text) == LK_TOKEN_MAX - 1);
		must(strspn(text + LK_TOKEN_MAX - 17, "0123456789abcdef") == 16);
		print(&info, text + LK_TOKEN_MAX - 17, again);
		must(strcmp(text, again) == 0);
	}
	must(lk_token_check(m, text) == (is_real ? 0 : rc == 0 ? LK_E_STALE : LK_E_INVAL));
	if (!is_real)
		must(lk_token_release(m, text) != 0);
	must(lk_check(w, g[0]) == 0 && lk_check(w, g[1]) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text;
	size_t at;
	size_t len;

	if (n < 1 || n > LONGEST)
		return 0;
	set_up();
	at = bytes[0] % LK_TOKEN_MAX;
	len = at == 0 ? n - 1 : at + n - 1 > LK_TOKEN_MAX - 1 ? at + n - 1 : LK_TOKEN_MAX - 1;
	text = malloc(len + 1); /* exactly, so that a look behind its end is found */
	must(text != NULL);
	memset(text, 0, len + 1);
	if (at != 0)
		memcpy(text, real[0], LK_TOKEN_MAX - 1);
	memcpy(text + at, bytes + 1, n - 1);
	try_token(text);
	free(text);
	return 0;
}
