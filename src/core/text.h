/* SPDX-License-Identifier: MIT */
/* Bytes of names as text. */
#ifndef LK_CORE_TEXT_H
#define LK_CORE_TEXT_H

#include "base/compiler.h"

/* Does lk_name_escape() write this byte as it is?  Then it separates nothing. */
bool name_byte_is_plain(unsigned char c);

#endif /* LK_CORE_TEXT_H */
