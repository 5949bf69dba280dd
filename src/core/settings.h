/* SPDX-License-Identifier: MIT */
/*
 * Settings: what there is, as one table; their values as text and as numbers; and the layers from which a manager's
 * come, each above the one before: default, file, environment, call.
 *
 * Each layer is read by itself (struct layer) and checked by itself, so that whoever said something wrong is named;
 * then it is laid on top of the settings.
 */
#ifndef LK_CORE_SETTINGS_H
#define LK_CORE_SETTINGS_H

#include <latchkey.h>

#include "base/compiler.h"

/* All settings by number: those of LK_SETTING_LIST first. */
enum {
#define SETTING_NUMBER(field, standard, lowest, highest, off) SETTING_##field,
	LK_SETTING_LIST(SETTING_NUMBER)
#undef SETTING_NUMBER
		SETTING_strict,
	SETTING_ROWS = SETTING_strict, /* how many are in the list */
	SETTING_timed,
	SETTING_debug_order,
	SETTING_manual,
	SETTING_NUMBERS, /* how many have a number for a value */
	SETTING_label = SETTING_NUMBERS,
	SETTING_preset,
	SETTING_N
};

/* What a value looks like. */
enum setting_kind {
	SETTING_COUNT,
	SETTING_TIME,
	SETTING_BYTE,
	SETTING_VICTIM,
	SETTING_KINDS, /* of events */
	SETTING_LEVEL,
	SETTING_PROMISE,  /* of a store */
	SETTING_STRATEGY, /* of retries */
	SETTING_FLAG,
	SETTING_TEXT
};

struct setting_row {
	const char *name;
	enum setting_kind kind;
	bool may_be_off;
	uint64_t standard;
	uint64_t lowest;
	uint64_t highest;
	uint32_t flag; /* its bit in lk_config.flags; 0: none */
};

extern const struct setting_row setting_rows[SETTING_N];

/* By name; SETTING_N: there is none. */
unsigned setting_find(const char *name);

/* Is it a value?  True: `*x` is its number.  "default" is the default. */
bool setting_parse(const struct setting_row *row, const char *text, uint64_t *x);

/* The text of a number, in LK_CONFIG_TEXT_MAX bytes. */
void setting_print(const struct setting_row *row, uint64_t x, char *out);

/* Who hears what is wrong, and how it is told where. */
struct complaint {
	char *text; /* NULL: nobody */
	size_t cap;
	const char *file; /* the line of a file; else the variable, or the URL */
	const char *variable;
	unsigned line;
	bool in_url;
};

/* Say why, with the place before it; returns `rc`. */
int complain(const struct complaint *c, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct layer {
	enum lk_setting_from from;
	uint64_t said; /* a bit for each setting */
	uint64_t value[SETTING_NUMBERS];
	char label[LK_LABEL_MAX + 1];
	unsigned preset; /* from 1 */
	bool has_store;  /* parameters that are no settings are the store's */
	struct complaint to;
};

void layer_begin(struct layer *l, enum lk_setting_from from, const struct complaint *to);

/* A number (0: nothing is said, but of a flag); a setting as text; "name=value&name=value". */
int layer_put(struct layer *l, unsigned number, uint64_t x);
int layer_put_text(struct layer *l, unsigned number, const char *text);
int layer_put_parameters(struct layer *l, const char *query);

/* What of it does not go together. */
int layer_check(const struct layer *l);

/* From variables; the caller's way to look one up.  From a file. */
typedef const char *variable_fn(const char *name);
int layer_read_variables(struct layer *l, variable_fn *get);
int layer_read_file(struct layer *l, const char *path);

/* By name, from 1 (0: there is none); the name of one, and what it says, as parameters of a URL. */
unsigned preset_find(const char *name);
const char *preset_name(unsigned preset);
const char *preset_parameters(unsigned preset);

/* Settings, checked. */
struct settings {
	union {
		struct {
#define SETTING_FIELD(field, standard, lowest, highest, off) uint64_t field;
			LK_SETTING_LIST(SETTING_FIELD)
#undef SETTING_FIELD
		};
		uint64_t value[SETTING_NUMBERS];
	};
	uint8_t from[SETTING_N]; /* enum lk_setting_from */
	const char *store;       /* its URL, the caller's; NULL: there is none */
	char label[LK_LABEL_MAX + 1];
	unsigned preset;
	uint32_t flags;
	int (*on_event)(void *arg, const struct lk_event *event);
	void *on_event_arg;
	void (*on_log)(void *arg, enum lk_log_level level, const char *line);
	void *on_log_arg;
	struct lk_allocator allocator;
	struct lk_environment environment;
	lk_victim_fn *on_victim;
	void *on_victim_arg;
	lk_escalate_fn *on_escalate;
	void *on_escalate_arg;
	void *store_handle;
	bool has_allocator;
	bool has_environment;
};

/*
 * From a file, from variables that `get` finds, from `cfg` and `url`; what is wrong is said in `cfg->report`.
 * settings_read() looks variables up in the process.
 */
int settings_read_with(struct settings *s, const char *url, const struct lk_config *cfg,
		       variable_fn *get);
int settings_read(struct settings *s, const char *url, const struct lk_config *cfg);

/* Say in `cfg->report`, if there is room for it, why lk_open() fails; returns `rc`. */
int settings_refuse(const struct lk_config *cfg, int rc, const char *text);

/* The text of one, in LK_CONFIG_TEXT_MAX bytes. */
void settings_print(const struct settings *s, unsigned number, char *out);

#endif /* LK_CORE_SETTINGS_H */
