/* SPDX-License-Identifier: MIT */
/* Settings that go together, under a name. */
#include <string.h>

#include "core/settings.h"

static const struct {
	const char *name;
	const char *parameters;
} presets[] = {
	{ "throughput",
	  "fair_after_ns=10ms&sample_every=off&events=off&max_idle=64k&index_buckets=16k" },
	{ "many-owners", "lot_buckets=4096&index_buckets=16k&deadlock_delay_ns=10ms" },
};

enum { PRESETS = sizeof(presets) / sizeof(presets[0]) };

unsigned
preset_find(const char *name)
{
	for (unsigned i = 0; i < PRESETS; i++) {
		if (strcmp(presets[i].name, name) == 0)
			return i + 1;
	}
	return 0;
}

const char *
preset_name(unsigned preset)
{
	return presets[preset - 1].name;
}

const char *
preset_parameters(unsigned preset)
{
	return presets[preset - 1].parameters;
}
