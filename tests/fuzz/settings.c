/* SPDX-License-Identifier: MIT */
/*
 * A file of settings with any bytes in it: lk_open refuses it with a code and a sentence that fits and names it, or
 * makes a manager whose settings, written into a file as they are told, are the same again.
 */
#define _GNU_SOURCE /* memfd_create */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <latchkey.h>

#include "fuzz.h"

enum { REPORT = 256, CANARY = 0x5a, LARGEST = 1 << 24, FILE_ROOM = 8192 };

/* Nobody gets more than LARGEST, so that large settings cost nothing: LK_E_NOMEM. */
static void *
small_alloc(void *state, size_t size, size_t align)
{
	void *memory;

	(void)state;
	if (size > LARGEST ||
	    posix_memalign(&memory, align > sizeof(void *) ? align : sizeof(void *), size) != 0)
		return NULL;
	return memory;
}

static void
small_free(void *state, void *memory, size_t size)
{
	(void)state;
	(void)size;
	free(memory);
}

/* Open with a file of these bytes. */
static int
open_with(const void *bytes, size_t n, char *report, size_t cap, struct lk_manager **m)
{
	static const struct lk_allocator small = { small_alloc, small_free, NULL };
	struct lk_config cfg = LK_CONFIG_INIT;
	char path[64];
	int fd = memfd_create("settings", 0);
	int rc;

	must(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cfg.flags = LK_NO_ENVIRONMENT;
	cfg.file = path;
	cfg.allocator = &small;
	cfg.report = report;
	cfg.report_cap = cap;
	rc = lk_open(NULL, &cfg, m);
	must(rc == 0 || rc == LK_E_NOMEM || rc == LK_E_INVAL);
	must(rc != LK_E_INVAL || cap < REPORT || strstr(report, path) != NULL);
	must(close(fd) == 0);
	return rc;
}

struct written {
	size_t n;
	char text[FILE_ROOM];
};

static int
write_down(void *arg, const struct lk_setting *s)
{
	struct written *w = arg;

	must(s->from == LK_FROM_DEFAULT || s->from == LK_FROM_FILE);
	if (s->value[0] != '\0' &&
	    strcmp(s->name, "label") != 0) /* its blanks at the end would go */
		w->n += (size_t)snprintf(w->text + w->n, sizeof(w->text) - w->n, "%s=%s\n", s->name,
					 s->value);
	must(w->n < sizeof(w->text));
	return 0;
}

/* In a strict manager fair_after_ns must not be said. */
static bool
is_strict(struct lk_manager *m)
{
	char text[LK_CONFIG_TEXT_MAX];

	must(lk_config_get(m, "strict", text, sizeof(text)) == 0);
	return text[0] == '1';
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct written first, second;
	struct lk_manager *none = (struct lk_manager *)(uintptr_t)&bytes, *m = none, *again;
	char report[REPORT + 1];
	size_t cap;
	int rc;

	if (n < 1 || n > 4096)
		return 0;
	memset(report, CANARY, sizeof(report));
	cap = bytes[0] % 2 != 0 ? REPORT : bytes[0];
	rc = open_with(bytes + 1, n - 1, report, cap, &m);
	must(report[cap] == CANARY && (cap == 0 || memchr(report, '\0', cap) != NULL));
	must((rc == 0) != (m == none));
	if (rc != 0)
		return 0;
	first.n = second.n = 0;
	must(lk_config_each(m, write_down, &first) == 0);
	if (!is_strict(m)) {
		rc = open_with(first.text, first.n, report, REPORT, &again);
		must(rc == 0);
		must(lk_config_each(again, write_down, &second) == 0);
		must(first.n == second.n && memcmp(first.text, second.text, first.n) == 0);
		must(lk_close(again) == 0);
	}
	must(lk_close(m) == 0);
	return 0;
}
