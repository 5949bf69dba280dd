/* SPDX-License-Identifier: MIT */
/*
 * Patterns, by the same idea twice: among the bytes of a segment `*`, among segments `**`.
 *
 * After a star the shortest of what it may stand for is tried first.  When what follows does not fit, only the latest
 * star is given one more: what is before it fitted as far to the left as it could, and so left the most for the rest.
 * So there is one place to come back to, and no recursion.  Each byte of the pattern is compared with each byte of the
 * name at most once for a star, and a star gives way to the next: at most pattern times name comparisons.
 */
#include "base/glob.h"

struct span {
	const unsigned char *at;
	const unsigned char *end;
};

static bool
is_star(const struct span *pattern)
{
	return pattern->at < pattern->end && *pattern->at == '*';
}

/* How many bytes of the pattern stand for one of the name. */
static size_t
length_of_one(const struct span *pattern)
{
	return *pattern->at == '\\' && pattern->end - pattern->at > 1 ? 2 : 1;
}

/* Does the next of the pattern, which is no star, stand for the byte? */
static bool
fits_one(const struct span *pattern, unsigned char byte)
{
	if (pattern->at == pattern->end)
		return false;
	return *pattern->at == '?' || pattern->at[length_of_one(pattern) - 1] == byte;
}

static bool
segment_fits(struct span pattern, struct span name)
{
	struct span after_star = { NULL, NULL };
	struct span retry = { NULL, NULL };

	while (name.at < name.end) {
		if (is_star(&pattern)) {
			pattern.at++;
			after_star = pattern;
			retry = name;
		} else if (fits_one(&pattern, *name.at)) {
			pattern.at += length_of_one(&pattern);
			name.at++;
		} else if (after_star.at != NULL) {
			pattern = after_star;
			retry.at++;
			name = retry;
		} else {
			return false;
		}
	}
	while (is_star(&pattern))
		pattern.at++;
	return pattern.at == pattern.end;
}

/* What is left of a path, one segment after the other.  An empty path has one, which is empty. */
struct path {
	struct span segment;
	const unsigned char *end; /* of the path */
	int separator;
	bool over; /* there is no segment any more */
};

static void
find_end(struct path *p)
{
	const unsigned char *at = p->segment.at;

	while (at < p->end && *at != p->separator)
		at++;
	p->segment.end = at;
}

static struct path
path_begin(const unsigned char *text, size_t len, int separator)
{
	struct path p = { .segment = { text, text }, .end = text, .separator = separator };

	if (len != 0)
		p.end = text + len;
	find_end(&p);
	return p;
}

static void
path_next(struct path *p)
{
	p->over = p->segment.end == p->end;
	if (p->over)
		return;
	p->segment.at = p->segment.end + 1;
	find_end(p);
}

static bool
is_double_star(const struct path *p)
{
	const unsigned char *at = p->segment.at;

	return !p->over && p->segment.end - at == 2 && at[0] == '*' && at[1] == '*';
}

bool
glob_match(const unsigned char *pattern_bytes, size_t pattern_len, const unsigned char *name_bytes,
	   size_t len, int separator)
{
	struct path pattern = path_begin(pattern_bytes, pattern_len, separator);
	struct path name = path_begin(name_bytes, len, separator);
	struct path after_stars;
	struct path retry;
	bool may_retry = false;

	while (!name.over) {
		if (is_double_star(&pattern)) {
			path_next(&pattern);
			after_stars = pattern;
			retry = name;
			may_retry = true;
		} else if (!pattern.over && segment_fits(pattern.segment, name.segment)) {
			path_next(&pattern);
			path_next(&name);
		} else if (may_retry) {
			pattern = after_stars;
			path_next(&retry);
			name = retry;
		} else {
			return false;
		}
	}
	while (is_double_star(&pattern))
		path_next(&pattern);
	return pattern.over;
}
