/* SPDX-License-Identifier: MIT */
/* Structures that cross the boundary between two versions of the header. */
#include "core/manager.h"

int
check_struct(const void *p, uint32_t size, size_t known)
{
	const unsigned char *bytes = p;

	if (size < 2 * sizeof(uint32_t))
		return LK_E_INVAL;
	for (size_t i = known; i < size; i++) {
		if (bytes[i] != 0)
			return LK_E_VERSION;
	}
	return 0;
}

int
check_reading(const struct lk_manager *m, const void *out, size_t known)
{
	uint32_t size;

	if (m == NULL || out == NULL)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	memcpy(&size, out, sizeof(size));
	return check_struct(out, size, known);
}

void
copy_struct(void *to, const void *from, size_t known)
{
	uint32_t size;

	memcpy(&size, to, sizeof(size));
	memcpy((char *)to + sizeof(size), (const char *)from + sizeof(size),
	       (size < known ? size : known) - sizeof(size));
}
