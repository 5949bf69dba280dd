/* SPDX-License-Identifier: MIT */
/* Which names an owner guesses, once it came back to them.  (GS1, GS2) */
#include "../api/support.h"

#include "core/manager.h"
#include "index/guess.h"

enum { NAMES = 1000, ROUNDS = 8, FEW = 500 };

/* Seven digits: names that differ in three or four of them have places of their own. */
static const char *
name_of(unsigned i)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "user:%07u", i);
	return text;
}

static struct key
key_of(const struct lk_manager *m, const char *name)
{
	struct key k;

	key_set(&k, name, (uint32_t)strlen(name), m->index.seed);
	return k;
}

static bool
is_far(const struct lk_manager *m, const struct key *k)
{
	struct glimpse g;

	return !index_glimpse_near(index_locate(&m->index, k->hash), k, &g);
}

/*
 * A bucket of some more names than it has slots has them in a second line.  Who comes back to such a name finds it there once, and then
 * guesses it like any other.
 */
Test(core_guess, in_whichever_line_of_its_bucket_a_name_is)
{
	struct lk_manager *m = open_manager("memory:?index_buckets=64&sample_every=off");
	struct lk_owner *w;
	unsigned n_far = 0;
	unsigned n_guessed = 0;

	open_owners(m, &w, 1);
	/* twice in a row, or none would stay until it comes again */
	for (unsigned i = 0; i < 2 * ROUNDS * NAMES; i++)
		ok(lk_release(w, take(w, name_of(i / 2 % NAMES), LK_X)));
	for (unsigned i = 0; i < NAMES; i++) {
		const struct key k = key_of(m, name_of(i));
		struct glimpse g;

		n_far += is_far(m, &k);
		n_guessed += guess_glimpse(&w->cache, &k, guess_place(&k), &g);
	}
	cr_expect_eq(n_guessed, NAMES);
	cr_expect_gt(n_far, NAMES / 100);
	close_all(m, &w, 1);
}

/* All in one call, and back. */
static void
take_batch(struct lk_owner *w, unsigned first, unsigned n, unsigned step)
{
	enum { BATCH = 50 };
	static char text[BATCH][16];
	struct lk_request r[BATCH];
	lk_grant g[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		memcpy(text[i], name_of((first + i * step) % n), sizeof(text[i]));
		r[i] = (struct lk_request){ text[i], LK_X, 0, 0 };
	}
	ok(lk_acquire_many(w, r, BATCH, NULL, g));
	ok(lk_release_all(w));
}

/* Of many names few are guessed, and batches do not go by that, until their names are few again.  (GS2) */
Test(core_guess, is_likely_where_it_was_right)
{
	enum { MANY = 30000, BATCHES = 2000 };
	struct lk_manager *m = open_manager("memory:?max_idle=100000&sample_every=off");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (unsigned i = 0; i < 2 * MANY; i++)
		ok(lk_release(w, take(w, name_of(i / 2), LK_X)));
	for (unsigned i = 0; i < BATCHES; i++)
		take_batch(w, i * 50, MANY, 7);
	cr_expect(!guess_is_likely(&w->cache));
	for (unsigned i = 0; i < BATCHES / 10; i++)
		take_batch(w, i * 50, FEW, 1);
	cr_expect(guess_is_likely(&w->cache));
	close_all(m, &w, 1);
}

/* Who is opened for one name at a time comes back to names as much as others do.  (GS4) */
Test(core_guess, of_owners_that_a_thread_opens_one_after_the_other)
{
	struct lk_manager *m = open_manager("memory:?sample_every=off");
	struct lk_owner *w;

	for (unsigned i = 0; i < LK_GUESS_AFTER + NAMES; i++) {
		struct key k = key_of(m, name_of(i % 10));
		struct glimpse g;

		open_owners(m, &w, 1);
		if (i > LK_GUESS_AFTER + 2 * 10)
			cr_assert(guess_glimpse(&w->cache, &k, guess_place(&k), &g));
		take(w, name_of(i % 10), LK_X);
		ok(lk_owner_close(w));
	}
	ok(lk_close(m));
}

/* How many of a thousand names share their place with another one?  By chance it would be 217. */
static unsigned
sharing(const char *format, unsigned first, unsigned step)
{
	static uint32_t place[NAMES];
	static unsigned n_at[1u << LK_GUESS_BITS];
	unsigned n = 0;

	memset(n_at, 0, sizeof(n_at));
	for (unsigned i = 0; i < NAMES; i++) {
		char text[32] = "";
		struct key k;

		(void)snprintf(text, sizeof(text), format, (first + i * step) % 1000000);
		key_set(&k, text, (uint32_t)strlen(text), 0);
		place[i] = guess_place(&k);
		n_at[place[i]]++;
	}
	for (unsigned i = 0; i < NAMES; i++)
		n += n_at[place[i]] > 1;
	return n;
}

/* Names that somebody counts up, or that lie apart, and have their digits in the first, second or third word, or across. */
Test(core_guess, names_with_numbers_have_places_of_their_own)
{
	static const char *const format[] = {
		"%u",
		"k%u",
		"lock-%u",
		"user:%07u",
		"lock-name-%06u",
		"row:%05u",
		"%015u",
		"%016u",
		"obj-%u",
		"warehouse:%06u",
		"item/%u/x",
		"order:%u:lines",
		"queue.%u.lock",
		"db/t01/%05u",
		"database/t01/%05u",
		"%u@host.name",
		"session-%010u",
		"seat %03u%%",
		"shard7/key%u",
		"/var/run/app%u.pid",
	};
	const unsigned count = sizeof(format) / sizeof(*format);

	for (unsigned i = 0; i < count; i++) {
		cr_expect_lt(sharing(format[i], 0, 1), 300, "%s", format[i]);
		cr_expect_lt(sharing(format[i], 500000, 3), 300, "%s", format[i]);
		cr_expect_lt(sharing(format[i], 0, 7919), 300, "%s", format[i]);
	}
}

/* Of the same length, told apart by some of the last bytes, or some in the middle; and of one byte more than is guessed. */
static unsigned
guessed_of(const char *format, bool *fits)
{
	struct lk_manager *m = open_manager("memory:?index_buckets=64&sample_every=off");
	struct lk_owner *w;
	char text[128];
	unsigned n = 0;

	open_owners(m, &w, 1);
	for (unsigned i = 0; i < 4 * ROUNDS * FEW; i++) {
		(void)snprintf(text, sizeof(text), format, i / 2 % FEW);
		ok(lk_release(w, take(w, text, LK_X)));
	}
	*fits = strlen(text) <= GUESS_LEN_MAX;
	for (unsigned i = 0; i < FEW; i++) {
		const uint32_t len = (uint32_t)snprintf(text, sizeof(text), format, i);
		struct glimpse g;

		n += *fits && guess_glimpse_long(&w->cache, text, len,
						 guess_place_long((unsigned char *)text, len), &g);
	}
	close_all(m, &w, 1);
	return n;
}

Test(core_guess, long_names)
{
	static const char *const format[] = {
		"customer:order:line:number:%07u",
		"0b7a9a0e-7c4d-4c7e-9a3b-aaaaa%07u",
		"%07u-7c4d-4c7e-9a3b-aaaaabbbbbbb",
		"a name in whose midst are the bytes %07u that tell it apart",
	};
	bool fits;

	for (size_t i = 0; i < countof(format); i++) {
		cr_expect_gt(guessed_of(format[i], &fits), FEW * 8 / 10, "%s", format[i]);
		cr_expect(fits);
	}
	(void)guessed_of("one byte more than the smallest block has room for, %07u; alas", &fits);
	cr_expect_not(fits);
}
