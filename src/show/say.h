/* SPDX-License-Identifier: MIT */
/* How names, owners, times and numbers are said, in each format. */
#ifndef LK_SHOW_SAY_H
#define LK_SHOW_SAY_H

#include "base/out.h"
#include "index/name.h"

/* Bytes that were copied, perhaps not all of them. */
struct said {
	const void *bytes;
	size_t len;  /* of the whole */
	size_t kept; /* … of which so many are there */
	bool is_id;
};

/* 0, or the code of a call that cannot write this format. */
int say_check(enum lk_format format, bool has_picture, lk_write_fn *write);

/* For people. */
void say_name(struct out *o, const struct said *name);
void say_owner(struct out *o, uint64_t id, const char *label);
void say_age(struct out *o, uint64_t ns);            /* ", for 3.2s"; 0: nothing */
void say_tag(struct out *o, const struct said *tag); /* ", tag "…""; none: nothing */
void say_position(struct out *o, uint32_t position); /* ", first in the line" */

/* For programs: members of an object, each with a comma before it but for the name. */
void say_json_name(struct out *o, const struct said *name);
void say_json_number(struct out *o, const char *key, uint64_t x);
void say_json_mode(struct out *o, const char *key, lk_mode mode);
void say_json_text(struct out *o, const char *key, const char *text);
void say_json_bool(struct out *o, const char *key, bool x);
void say_json_tag(struct out *o, const struct said *tag);

/* Inside the quotes of a string of Graphviz. */
void say_dot(struct out *o, const void *bytes, size_t len);
void say_dot_name(struct out *o, const struct said *name);

#endif /* LK_SHOW_SAY_H */
