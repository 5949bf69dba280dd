/* SPDX-License-Identifier: MIT */
/* Any bytes are a script: the library and the reference (tests/model) agree on it. */
#include <stdlib.h>

#include "fuzz.h"
#include "run.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (!model_run(bytes, n, NULL))
		abort();
	return 0;
}
