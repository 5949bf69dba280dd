/* SPDX-License-Identifier: MIT */
/* Settings that go together, under a name.  Decision 0027 has the figures, and says which there are not. */
#include <string.h>

#include "core/settings.h"

static const struct {
	const char *name;
	const char *parameters;
} presets[] = {
	{ "strict", "strict=1" },
	{ "diagnose", "timed=1&debug_order=1&events=all&event_ring=16k" },
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
