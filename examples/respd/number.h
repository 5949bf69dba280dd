/* SPDX-License-Identifier: MIT */
/* Whole numbers as Redis reads them: no blank, no '+', no leading zero, nothing behind. */
#ifndef RESPD_NUMBER_H
#define RESPD_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/* False if it is not a number, or not one of 64 bits; then `*out` is not written. */
bool number_parse(struct bytes text, int64_t *out);

#endif /* RESPD_NUMBER_H */
