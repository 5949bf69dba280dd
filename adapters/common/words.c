/* SPDX-License-Identifier: MIT */
/* Keeping a sentence, and giving it out. */
#include "common/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
words_init(struct words *w)
{
	pthread_mutex_init(&w->lock, NULL);
	w->text[0] = '\0';
	w->say = NULL;
}

void
words_fini(struct words *w)
{
	pthread_mutex_destroy(&w->lock);
}

int
words_say(struct words *w, int rc, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&w->lock);
	va_start(args, format);
	(void)vsnprintf(w->text, sizeof(w->text), format, args);
	va_end(args);
	pthread_mutex_unlock(&w->lock);
	return rc;
}

void
words_tell(const struct words *w, enum lk_log_level level, const char *format, ...)
{
	char line[320];
	va_list args;

	if (w->say == NULL)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	w->say(w->say_arg, level, line);
}

size_t
words_copy(struct words *w, char *buf, size_t cap)
{
	size_t len;

	pthread_mutex_lock(&w->lock);
	len = strlen(w->text);
	if (cap > 0) {
		size_t n = len < cap ? len : cap - 1;

		memcpy(buf, w->text, n);
		buf[n] = '\0';
	}
	pthread_mutex_unlock(&w->lock);
	return len;
}
