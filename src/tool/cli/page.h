/* SPDX-License-Identifier: MIT */
/* What `latchkey top` shows of its board: on a terminal, as text, as JSON. */
#ifndef LATCHKEY_CLI_PAGE_H
#define LATCHKEY_CLI_PAGE_H

#include "board.h"
#include "screen.h"

struct page {
	struct board board;
	enum board_order order;
	uint64_t every_ns;
	const char *url;
	int trouble; /* what the store said at the last look */
	bool is_json;
};

/* "waiters", "grants", "holds", "names"; NULL: the first of them. */
bool page_order(const char *word, enum board_order *order);

/* False: nobody can see it. */
bool page_draw(const struct page *p, struct screen *s);

/* On standard output. */
void page_print(const struct page *p);

#endif /* LATCHKEY_CLI_PAGE_H */
