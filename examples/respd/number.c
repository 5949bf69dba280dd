/* SPDX-License-Identifier: MIT */
/* Numbers: see number.h. */
#include "number.h"

/* The digits, counted downwards: the lowest number has no positive twin. */
static bool
digits_parse(const char *digit, size_t n, int64_t *out)
{
	int64_t value = 0;

	if (n == 0 || (digit[0] == '0' && n > 1))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (digit[i] < '0' || digit[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
		    __builtin_sub_overflow(value, (int64_t)(digit[i] - '0'), &value))
			return false;
	}
	*out = value;
	return true;
}

bool
number_parse(struct bytes text, int64_t *out)
{
	bool is_negative = text.len > 0 && text.data[0] == '-';
	int64_t below;

	if (!digits_parse(text.data + is_negative, text.len - is_negative, &below))
		return false;
	if (is_negative ? below == 0 : below == INT64_MIN)
		return false;
	*out = is_negative ? below : -below;
	return true;
}
