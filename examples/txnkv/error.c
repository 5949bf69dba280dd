/* SPDX-License-Identifier: MIT */
/* Results: Latchkey's below 0, ours above. */
#include "kv.h"

static const char *const texts[] = { "success",
#define KV_RESULT_TEXT(name, text) text,
				     KV_RESULT_LIST(KV_RESULT_TEXT)
#undef KV_RESULT_TEXT
};

static const char *const names[] = { "KV_OK",
#define KV_RESULT_NAME(name, text) "KV_" #name,
				     KV_RESULT_LIST(KV_RESULT_NAME)
#undef KV_RESULT_NAME
};

#define N_RESULTS ((int)(sizeof(texts) / sizeof(texts[0])))

const char *
kv_strerror(int rc)
{
	return rc < 0 || rc >= N_RESULTS ? lk_strerror(rc) : texts[rc];
}

const char *
kv_errname(int rc)
{
	return rc < 0 || rc >= N_RESULTS ? lk_errname(rc) : names[rc];
}

/* LK_E_BUSY comes from table mutexes only, which cannot be waited for in every order. */
bool
kv_is_conflict(int rc)
{
	return rc == LK_E_DEADLOCK || rc == LK_E_CONVERSION_DEADLOCK || rc == LK_E_BUSY;
}
