/* SPDX-License-Identifier: MIT */
/*
 * A cache that asks a version instead of reading everything again: the value of the name is changed with
 * what it speaks of, under the same lock.  Exit 1 if the cache says something old.
 */
#include <stdio.h>
#include <string.h>

#include <latchkey.h>

static char document[256] = "first words"; /* which "document" protects; think of it as far away */

static struct {
	char text[256];
	uint64_t version;
	unsigned loads;
} cache;

static int
publish(struct lk_owner *w, const char *text)
{
	lk_grant g;
	int rc = lk_acquire(w, "document", LK_X, NULL, &g);

	if (rc != 0)
		return rc;
	(void)snprintf(document, sizeof(document), "%s", text);
	rc = lk_value_write(w, g, NULL, 0); /* the version alone is enough */
	return rc == 0 ? lk_release(w, g) : rc;
}

static const char *
look(struct lk_owner *w)
{
	struct lk_value v = { .size = sizeof(v) };
	lk_grant g;

	if (lk_acquire(w, "document", LK_S, NULL, &g) != 0)
		return "";
	if (lk_value_read(w, g, &v) != 0)
		return "";
	if (cache.loads == 0 || v.version != cache.version || v.flags != 0) {
		memcpy(cache.text, document, sizeof(cache.text));
		cache.version = v.version;
		cache.loads++;
	}
	return lk_release(w, g) == 0 ? cache.text : "";
}

int
main(void)
{
	struct lk_manager *m;
	struct lk_owner *w;
	int wrong = 0;

	if (lk_open(NULL, NULL, &m) != 0)
		return 1;
	w = lk_self(m);
	for (int i = 0; i < 10; i++)
		wrong += strcmp(look(w), "first words") != 0;
	if (publish(w, "second thoughts") != 0)
		return 1;
	for (int i = 0; i < 10; i++)
		wrong += strcmp(look(w), "second thoughts") != 0;
	printf("20 looks, %u loads, %d wrong\n", cache.loads, wrong);
	return wrong != 0 || cache.loads != 2 || lk_close(m) != 0;
}
