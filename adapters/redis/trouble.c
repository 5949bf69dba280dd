/* SPDX-License-Identifier: MIT */
/* From errors of a server to codes. */
#define _GNU_SOURCE
#include "redis/trouble.h"

#include <stdio.h>

bool
trouble_is(const redisReply *r, const char *word)
{
	const size_t n = strlen(word);
	const char *at;

	if (r->type != REDIS_REPLY_ERROR)
		return false;
	if (strncmp(r->str, word, n) == 0 && (r->str[n] == ' ' || r->str[n] == '\0'))
		return true;
	at = memmem(r->str, r->len, word, n); /* "… @user_script:7: -OOM command not allowed" */
	return at != NULL && at > r->str && at[-1] == '-';
}

int
trouble_code(const redisReply *r)
{
	static const struct {
		const char *word;
		int code;
	} table[] = {
		{ "NOAUTH", LK_E_PERM },       { "WRONGPASS", LK_E_PERM },
		{ "NOPERM", LK_E_PERM },       { "OOM", LK_E_LIMIT },
		{ "WRONGTYPE", LK_E_CORRUPT }, { SCRIPT_OTHER_FORM, LK_E_VERSION },
	};

	if (r->type != REDIS_REPLY_ERROR)
		return LK_E_STORE;
	if (strstr(r->str, "The user executing the script can't") != NULL) /* Redis 7 */
		return LK_E_PERM;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (trouble_is(r, table[i].word))
			return table[i].code;
	}
	return LK_E_STORE;
}

int
trouble_say(struct redis_store *s, const char *what, const redisReply *r)
{
	char text[220];

	if (trouble_is(r, SCRIPT_OTHER_FORM))
		return store_complain(s, LK_E_VERSION, "it is kept in another format");
	(void)snprintf(text, sizeof(text), "%s%s%.150s", what, what[0] != '\0' ? ": " : "",
		       r->type == REDIS_REPLY_ERROR ? r->str : "an answer that makes no sense");
	return store_complain(s, trouble_code(r), text);
}
