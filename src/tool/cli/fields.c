/* SPDX-License-Identifier: MIT */
/* What a request says, and what is answered. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"

int
wrong_say(struct wrong *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return LK_E_INVAL;
}

/* ----------------------------------------------------------------------------- bytes */

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static int
bytes_of_hex(const json_t *value, const char *word, struct name *out, struct wrong *why)
{
	const size_t n = json_string_length(value);
	const char *text = json_string_value(value);

	if (text == NULL || n % 2 != 0)
		return wrong_say(why, "%s_hex is not text of pairs of hexadecimal digits", word);
	out->bytes = malloc(n / 2 + 1);
	if (out->bytes == NULL)
		return LK_E_NOMEM;
	out->is_made = true;
	out->len = n / 2;
	for (size_t i = 0; i < out->len; i++) {
		const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			name_free(out);
			return wrong_say(why, "%s_hex has something else than hexadecimal digits",
					 word);
		}
		out->bytes[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

int
value_bytes(const json_t *value, const char *word, struct name *out, struct wrong *why)
{
	if (!json_is_string(value))
		return wrong_say(why, "%s is not text", word);
	out->bytes = (unsigned char *)json_string_value(value);
	out->len = json_string_length(value);
	out->is_made = false;
	return 0;
}

int
field_bytes(const json_t *request, const char *word, struct name *out, struct wrong *why)
{
	char hex[40];
	const json_t *value = json_object_get(request, word);
	const json_t *digits;

	snprintf(hex, sizeof(hex), "%s_hex", word);
	digits = json_object_get(request, hex);
	if (value != NULL && digits != NULL)
		return wrong_say(why, "%s and %s: say one of them", word, hex);
	if (value == NULL && digits == NULL)
		return wrong_say(why, "%s is missing", word);
	return value != NULL ? value_bytes(value, word, out, why)
			     : bytes_of_hex(digits, word, out, why);
}

void
name_free(struct name *n)
{
	if (n->is_made)
		free(n->bytes);
	*n = (struct name){ 0 };
}

/* ------------------------------------------------------------------------ other fields */

int
field_text(const json_t *request, const char *word, const char **out, struct wrong *why)
{
	const json_t *value = json_object_get(request, word);
	const char *text = json_string_value(value);

	if (value == NULL)
		return 0;
	if (text == NULL || strlen(text) != json_string_length(value))
		return wrong_say(why, "%s is not text", word);
	*out = text;
	return 0;
}

int
field_mode(const json_t *request, lk_mode *mode, struct wrong *why)
{
	const char *text = NULL;
	const int rc = field_text(request, "mode", &text, why);

	if (rc != 0 || text == NULL)
		return rc;
	return text_mode(text, mode) ? 0 : wrong_say(why, "mode is one of IS, IX, S, SIX, U, X");
}

int
field_number(const json_t *request, const char *word, uint64_t most, uint64_t *out,
	     struct wrong *why)
{
	const json_t *value = json_object_get(request, word);

	if (value == NULL)
		return 0;
	if (json_is_integer(value) && json_integer_value(value) >= 0)
		*out = (uint64_t)json_integer_value(value);
	else if (!json_is_string(value) || !text_number(json_string_value(value), out))
		return wrong_say(why, "%s is not a number", word);
	return *out <= most
		       ? 0
		       : wrong_say(why, "%s is more than %llu", word, (unsigned long long)most);
}

int
field_bool(const json_t *request, const char *word, bool *out, struct wrong *why)
{
	const json_t *value = json_object_get(request, word);

	if (value == NULL)
		return 0;
	if (!json_is_boolean(value))
		return wrong_say(why, "%s is neither true nor false", word);
	*out = json_is_true(value);
	return 0;
}

int
field_ms(const json_t *request, const char *word, uint64_t forever, uint64_t *ns, struct wrong *why)
{
	const json_t *value = json_object_get(request, word);
	const char *text = json_string_value(value);
	double ms;

	if (value == NULL)
		return 0;
	if (text != NULL && strcmp(text, "Infinity") == 0) {
		*ns = forever;
		return 0;
	}
	if (!json_is_number(value))
		return wrong_say(why, "%s is neither a number nor \"Infinity\"", word);
	ms = json_number_value(value);
	if (ms < 0)
		return wrong_say(why, "%s is negative", word);
	*ns = ms * 1e6 >= 9.2e18 ? forever : (uint64_t)(ms * 1e6);
	return 0;
}

/* Is this one of the words? */
static bool
is_among(const char *words, const char *word)
{
	const size_t n = strlen(word);

	for (const char *at = words; (at = strstr(at, word)) != NULL; at += n) {
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	}
	return false;
}

int
fields_only(const json_t *request, const char *words, struct wrong *why)
{
	const char *word;
	json_t *value;

	json_object_foreach((json_t *)request, word, value)
	{
		(void)value;
		if (strcmp(word, "id") != 0 && strcmp(word, "op") != 0 && !is_among(words, word))
			return wrong_say(why, "there is no field %.40s here, but: %s", word, words);
	}
	return 0;
}

/* --------------------------------------------------------------------------- answers */

static void
send(struct stdio *s, json_t *line)
{
	lines_say(&s->lines, line); /* of NULL nothing comes, and the loop ends for that */
	json_decref(line);
}

static json_t *
begin(const json_t *id, bool is_ok)
{
	json_t *line = json_object();

	(void)json_object_set_new(line, "id", id != NULL ? json_deep_copy(id) : json_null());
	(void)json_object_set_new(line, "ok", json_boolean(is_ok));
	return line;
}

void
answer(struct stdio *s, const json_t *id, json_t *result)
{
	json_t *line = begin(id, true);

	(void)json_object_set_new(line, "result", result);
	send(s, line);
}

static json_t *
begin_refusal(const json_t *id, int rc)
{
	json_t *line = begin(id, false);

	(void)json_object_set_new(line, "code", json_string(lk_errname(rc)));
	return line;
}

void
answer_wrong(struct stdio *s, const json_t *id, int rc, const struct wrong *why)
{
	json_t *line = begin_refusal(id, rc);
	const bool has_words = why != NULL && why->text[0] != '\0';

	(void)json_object_set_new(line, "error",
				  json_string(has_words ? why->text : lk_strerror(rc)));
	send(s, line);
}

/* The store's own words, if it was that. */
static void
put_store(struct stdio *s, json_t *line, int rc, const struct lk_report *report)
{
	char words[256] = "";

	if (report != NULL && report->store[0] != '\0')
		(void)json_object_set_new(line, "store", json_string(report->store));
	else if ((rc == LK_E_STORE || rc == LK_E_BREAKER || rc == LK_E_UNKNOWN ||
		  rc == LK_E_CORRUPT) &&
		 lk_store_error(s->m, words, sizeof(words)) == 0 && words[0] != '\0')
		(void)json_object_set_new(line, "store", json_string(words));
}

static json_t *
blocker_of(const struct lk_blocker *b)
{
	static const char *const why[] = { "?", "held", "ahead", "closed" };
	json_t *o = json_object();
	const size_t name = b->name_len < sizeof(b->name) ? b->name_len : sizeof(b->name);
	const size_t tag = b->tag_len < sizeof(b->tag) ? b->tag_len : sizeof(b->tag);

	put_bytes(o, "name", b->name, name);
	(void)json_object_set_new(o, "why", json_string(why[b->why <= LK_WHY_CLOSED ? b->why : 0]));
	(void)json_object_set_new(o, "owner", number_text(b->owner_id));
	if (b->owner_label[0] != '\0')
		put_bytes(o, "label", b->owner_label, strlen(b->owner_label));
	if (b->held != LK_NL)
		(void)json_object_set_new(o, "held", json_string(lk_modename(b->held)));
	if (b->wanted != LK_NL)
		(void)json_object_set_new(o, "wanted", json_string(lk_modename(b->wanted)));
	if (b->position != 0)
		(void)json_object_set_new(o, "position", json_integer(b->position));
	if (b->age_ns != 0)
		(void)json_object_set_new(o, "age_ms", json_real((double)b->age_ns / 1e6));
	if (tag != 0)
		put_bytes(o, "tag", b->tag, tag);
	return o;
}

int
blocker_add(void *array, const struct lk_blocker *b)
{
	return json_array_append_new(array, blocker_of(b)) == 0 ? 0 : LK_E_NOMEM;
}

void
answer_refused(struct stdio *s, const json_t *id, int rc, const struct lk_report *report)
{
	json_t *line = begin_refusal(id, rc);
	json_t *blockers = json_array();

	(void)json_object_set_new(line, "error", json_string(lk_strerror(rc)));
	for (uint32_t i = 0; report != NULL && report->code != 0 && i < report->kept; i++)
		(void)blocker_add(blockers, &report->blocker[i]);
	(void)json_object_set_new(line, "blockers", blockers);
	put_store(s, line, rc, report);
	send(s, line);
}
