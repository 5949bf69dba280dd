/* SPDX-License-Identifier: MIT */
/* A file, variables, struct lk_config and the URL, laid on top of each other. */
#include <stdio.h>
#include <string.h>

#include "base/text_file.h"
#include "core/manager.h"

enum { FLAGS_KNOWN = LK_STRICT | LK_TIMED | LK_DEBUG_ORDER | LK_MANUAL | LK_NO_ENVIRONMENT };

int
settings_refuse(const struct lk_config *cfg, int rc, const char *text)
{
	const struct complaint to = {
		.text = cfg != NULL && cfg->size >= sizeof(*cfg) ? cfg->report : NULL,
		.cap = cfg != NULL && cfg->size >= sizeof(*cfg) ? cfg->report_cap : 0,
	};

	return complain(&to, rc, "%s", text);
}

static int
read_tables(struct settings *s, const struct lk_config *cfg)
{
	const struct lk_allocator *a = cfg->allocator;
	const struct lk_environment *e = cfg->environment;

	if (a != NULL) {
		if (a->alloc == NULL || a->free == NULL)
			return settings_refuse(cfg, LK_E_INVAL,
					       "allocator: needs both alloc and free");
		s->allocator = *a;
		s->has_allocator = true;
	}
	if (e != NULL) {
		if (e->now == NULL || e->wait == NULL || e->wake == NULL || e->random == NULL)
			return settings_refuse(
				cfg, LK_E_INVAL,
				"environment: needs all of now, wait, wake and random");
		s->environment = *e;
		s->has_environment = true;
	}
	return 0;
}

/* What is no setting with a name. */
static int
read_hooks(struct settings *s, const struct lk_config *cfg)
{
	s->on_victim = cfg->on_victim;
	s->on_victim_arg = cfg->on_victim_arg;
	s->on_event = cfg->on_event;
	s->on_event_arg = cfg->on_event_arg;
	s->on_escalate = cfg->on_escalate;
	s->on_escalate_arg = cfg->on_escalate_arg;
	s->on_log = cfg->on_log;
	s->on_log_arg = cfg->on_log_arg;
	s->store_handle = cfg->store_handle;
	return read_tables(s, cfg);
}

/* ------------------------------------------------------------------------ the call */

static int
put_flags(struct layer *l, uint32_t flags)
{
	int rc = 0;

	if ((flags & ~(uint32_t)FLAGS_KNOWN) != 0)
		return complain(&l->to, LK_E_INVAL, "flags: 0x%x has bits that are not known",
				flags);
	for (unsigned i = SETTING_ROWS; rc == 0 && i < SETTING_NUMBERS; i++) {
		if ((flags & setting_rows[i].flag) != 0)
			rc = layer_put(l, i, 1);
	}
	return rc;
}

static int
put_config(struct layer *l, const struct lk_config *cfg)
{
#define VALUE(field, standard, lowest, highest, off) cfg->field,
	const uint64_t value[SETTING_ROWS] = { LK_SETTING_LIST(VALUE) };
#undef VALUE
	int rc = put_flags(l, cfg->flags);

	for (unsigned i = 0; rc == 0 && i < SETTING_ROWS; i++)
		rc = layer_put(l, i, value[i]);
	if (rc == 0 && cfg->label != NULL)
		rc = layer_put_text(l, SETTING_label, cfg->label);
	return rc;
}

static int
put_url(struct layer *l, const char *url)
{
	static const char scheme[] = "memory:";

	if (url == NULL)
		return 0;
	l->to.in_url = true;
	if (strchr(url, ':') == NULL)
		return complain(
			&l->to, LK_E_INVAL,
			"'%.64s' is no URL: it begins with no word and colon, as memory: or "
			"file:/run/app do",
			url);
	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0) {
		l->has_store = true;
		url = strchr(url, '?');
		return url != NULL ? layer_put_parameters(l, url + 1) : 0;
	}
	url += sizeof(scheme) - 1;
	if (*url == '?')
		return layer_put_parameters(l, url + 1);
	if (*url != '\0')
		return complain(&l->to, LK_E_INVAL, "'%.64s' is not expected after memory:", url);
	return 0;
}

static int
read_call(struct layer *l, const char *url, const struct lk_config *cfg)
{
	int rc = cfg != NULL ? put_config(l, cfg) : 0;

	if (rc == 0)
		rc = put_url(l, url);
	return rc == 0 ? layer_check(l) : rc;
}

/* ----------------------------------------------------------------------- all layers */

static void
lay(struct settings *s, const struct layer *l)
{
	for (unsigned i = 0; i < SETTING_N; i++) {
		if ((l->said & UINT64_C(1) << i) == 0)
			continue;
		if (i < SETTING_NUMBERS)
			s->value[i] = l->value[i];
		else if (i == SETTING_label)
			memcpy(s->label, l->label, sizeof(s->label));
		else
			s->preset = l->preset;
		s->from[i] = (uint8_t)l->from;
	}
}

/* What its preset says lies below what it says itself. */
static void
lay_with_preset(struct settings *s, const struct layer *l)
{
	struct layer below;

	if (l->preset != 0) {
		layer_begin(&below, l->from, &(struct complaint){ 0 });
		(void)layer_put_parameters(&below, preset_parameters(l->preset));
		lay(s, &below);
	}
	lay(s, l);
}

static void
lay_standards(struct settings *s)
{
	for (unsigned i = 0; i < SETTING_N; i++) {
		if (i < SETTING_NUMBERS)
			s->value[i] = setting_rows[i].standard;
		s->from[i] = LK_FROM_DEFAULT;
	}
}

static int
read_layers(struct settings *s, const char *url, const struct lk_config *cfg, variable_fn *get)
{
	const bool alone = cfg != NULL && (cfg->flags & LK_NO_ENVIRONMENT) != 0;
	const struct complaint to = {
		.text = cfg != NULL ? cfg->report : NULL,
		.cap = cfg != NULL ? cfg->report_cap : 0,
	};
	const char *file = cfg != NULL ? cfg->file : NULL;
	struct layer l;
	int rc = 0;

	lay_standards(s);
	if (file == NULL && !alone)
		file = get("LATCHKEY_CONFIG");
	layer_begin(&l, LK_FROM_FILE, &to);
	if (file != NULL && *file != '\0')
		rc = layer_read_file(&l, file);
	lay_with_preset(s, &l);
	layer_begin(&l, LK_FROM_ENVIRONMENT, &to);
	if (rc == 0 && !alone)
		rc = layer_read_variables(&l, get);
	lay_with_preset(s, &l);
	layer_begin(&l, LK_FROM_CALL, &to);
	if (rc == 0)
		rc = read_call(&l, url, cfg);
	s->store = l.has_store ? url : NULL;
	if (rc == 0 && s->store == NULL && s->store_handle != NULL)
		rc = complain(&to, LK_E_INVAL, "store_handle: there is no store that could use it");
	lay_with_preset(s, &l);
	for (unsigned i = SETTING_ROWS; i < SETTING_NUMBERS; i++)
		s->flags |= s->value[i] != 0 ? setting_rows[i].flag : 0;
	return rc;
}

int
settings_read_with(struct settings *s, const char *url, const struct lk_config *cfg,
		   variable_fn *get)
{
	struct lk_config known;
	int rc;

	memset(s, 0, sizeof(*s));
	if (cfg != NULL) {
		rc = check_struct(cfg, cfg->size, sizeof(*cfg));
		if (rc != 0)
			return settings_refuse(cfg, rc,
					       "lk_config: of a newer version, or no size");
		memset(&known, 0, sizeof(known));
		memcpy(&known, cfg, cfg->size < sizeof(known) ? cfg->size : sizeof(known));
		known.size = sizeof(known);
		cfg = &known;
		if (cfg->report != NULL && cfg->report_cap > 0)
			cfg->report[0] = '\0';
		rc = read_hooks(s, cfg);
		if (rc != 0)
			return rc;
	}
	return read_layers(s, url, cfg, get);
}

int
settings_read(struct settings *s, const char *url, const struct lk_config *cfg)
{
	return settings_read_with(s, url, cfg, variable_get);
}

void
settings_print(const struct settings *s, unsigned number, char *out)
{
	if (number < SETTING_NUMBERS)
		setting_print(&setting_rows[number], s->value[number], out);
	else if (number == SETTING_label)
		strcpy(out, s->label);
	else
		strcpy(out, s->preset != 0 ? preset_name(s->preset) : "");
}
