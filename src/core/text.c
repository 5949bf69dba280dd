/* SPDX-License-Identifier: MIT */
/* Codes as text, from the one list. */
#include <latchkey.h>

const char *
lk_strerror(int rc)
{
	switch (rc) {
	case LK_OK:
		return "success";
#define CASE(name, number, text) \
	case LK_E_##name:        \
		return text;
		LK_ERROR_LIST(CASE)
#undef CASE
	default:
		return "not a result code of Latchkey";
	}
}

const char *
lk_errname(int rc)
{
	switch (rc) {
	case LK_OK:
		return "LK_OK";
#define CASE(name, number, text) \
	case LK_E_##name:        \
		return "LK_E_" #name;
		LK_ERROR_LIST(CASE)
#undef CASE
	default:
		return "LK_E_?";
	}
}

const char *
lk_version(void)
{
	return LATCHKEY_VERSION;
}
