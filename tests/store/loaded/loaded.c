/* SPDX-License-Identifier: MIT */
/* A store in a library of its own, which is loaded when a URL asks for it: the one for tests, by another name. */
#include <latchkey.h>

LK_API const struct lk_store_ops *lk_store_loaded(void);

const struct lk_store_ops *
lk_store_loaded(void)
{
	static struct lk_store_ops table;
	struct lk_store *s;

	if (lk_store_open("test:loaded", NULL, &s) != 0)
		return NULL;
	table = *s->ops;
	table.scheme = "loaded";
	lk_store_close(s);
	return &table;
}
