/* SPDX-License-Identifier: MIT */
/* From a script that fails to a small one that still does. */
#ifndef MODEL_SHRINK_H
#define MODEL_SHRINK_H

#include "run.h"

/*
 * Make `s`, on which the library and the reference (with `fault`) differ, as small and simple as can be
 * done by leaving out and simplifying one thing after the other.  `v` says how the result fails.
 */
void shrink(struct script *s, enum ref_fault fault, struct verdict *v);

#endif /* MODEL_SHRINK_H */
