/* SPDX-License-Identifier: MIT */
/* The record "f", and records that are frozen: what comes back, and what is found to be damaged. */
#include "remote/floor.h"
#include "remote/frozen.h"

#include "harness.h"

static const struct floor sample = {
	.is = UINT64_C(0x0123456789abcdef),
	.state = FLOOR_LEAVES,
	.mover = { { 1, 2, 3 } },
	.move = { { 7, 8, 9 } },
	.other = "redis:cache:6379/2",
};

static struct lk_store_record
record_of(const void *bytes, size_t len)
{
	return (struct lk_store_record){ .name = "f", .len = 1, .old = bytes, .old_len = len };
}

static size_t
write_sample(const struct floor *f, unsigned char *bytes)
{
	struct lk_store_record r = { .name = "f", .len = 1 };

	floor_write(&r, f, bytes);
	cr_assert_eq(r.fresh, bytes);
	cr_assert_eq(r.changed, 1);
	cr_assert_le(r.fresh_len, FLOOR_BYTES);
	return r.fresh_len;
}

Test(remote_floor, comes_back_as_it_was)
{
	_Alignas(8) unsigned char bytes[FLOOR_BYTES];
	struct floor f = sample;
	struct floor back;
	struct lk_store_record r;

	for (int state = FLOOR_HERE; state <= FLOOR_COMES; state++) {
		f.state = (enum floor_state)state;
		r = record_of(bytes, write_sample(&f, bytes));
		cr_assert(floor_read(&r, &back));
		cr_assert_eq(back.is, f.is);
		cr_assert_eq(back.state, f.state);
		if (state == FLOOR_HERE) {
			cr_assert_eq(r.old_len, 8, "as it always was");
			continue;
		}
		cr_assert(floor_is(&back, &f));
		cr_assert_str_eq(back.other, f.other);
	}
	memset(f.other, 'x', FLOOR_OTHER - 1);
	r = record_of(bytes, write_sample(&f, bytes));
	cr_assert(floor_read(&r, &back));
	cr_assert_str_eq(back.other, f.other);
	r = record_of(NULL, 0);
	cr_assert(floor_read(&r, &back));
	cr_assert_eq(back.is, 0);
	cr_assert_eq(back.state, FLOOR_HERE);
	r.status = LK_E_CORRUPT;
	cr_assert(!floor_read(&r, &back));
}

Test(remote_floor, is_damaged_by_any_bit)
{
	_Alignas(8) unsigned char bytes[FLOOR_BYTES];
	const size_t len = write_sample(&sample, bytes);
	struct lk_store_record r = record_of(bytes, len);
	struct floor back;

	for (size_t bit = 0; bit < 8 * len; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		cr_assert(!floor_read(&r, &back), "bit %zu", bit);
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	for (r.old_len = 1; r.old_len < len; r.old_len++)
		cr_assert(r.old_len == 8 || !floor_read(&r, &back), "%zu bytes", r.old_len);
	cr_assert(floor_read(&r, &back));
}

Test(remote_floor, rises_and_leaves_all_else)
{
	_Alignas(8) unsigned char bytes[FLOOR_BYTES];
	_Alignas(8) unsigned char fresh[FLOOR_BYTES];
	struct lk_store_record r = record_of(bytes, write_sample(&sample, bytes));
	struct floor back;

	cr_assert_eq(floor_raise(&r, sample.is, fresh), 0);
	cr_assert_eq(r.changed, 0);
	cr_assert_eq(floor_raise(&r, sample.is + 5, fresh), 0);
	cr_assert_eq(r.changed, 1);
	r = record_of(r.fresh, r.fresh_len);
	cr_assert(floor_read(&r, &back));
	cr_assert_eq(back.is, sample.is + 5);
	cr_assert(floor_is(&back, &sample));
	bytes[20] ^= 1;
	r = record_of(bytes, FLOOR_BYTES);
	cr_assert_eq(floor_raise(&r, 1, fresh), LK_E_CORRUPT);
}

/* ------------------------------------------------------------------------- frozen */

static struct record a, b;
static _Alignas(8) unsigned char frozen[RECORD_BYTES];

static size_t
freeze_sample(void)
{
	record_init(&a, "db/n", 4);
	a.fence = 17;
	a.generation = 3;
	return frozen_encode(&a, &sample.move, frozen);
}

Test(remote_frozen, is_the_record_that_it_was)
{
	const size_t len = freeze_sample();
	struct thawed t;

	cr_assert_neq(len, 0);
	cr_assert_neq(record_decode(&b, frozen, len, "db/n", 4), RECORD_FINE,
		      "nobody takes it for one that can be used");
	t = frozen_look(frozen, len);
	cr_assert(t.is_frozen);
	cr_assert(record_id_is(&t.move, &sample.move));
	cr_assert_eq(frozen_decode(&b, frozen, len, "db/n", 4), RECORD_FINE);
	cr_assert_eq(b.fence, 17);
	cr_assert_eq(frozen_decode(&b, frozen, len, "db/m", 4), RECORD_MISNAMED);
}

Test(remote_frozen, is_damaged_by_any_bit)
{
	const size_t len = freeze_sample();

	for (size_t bit = 0; bit < 8 * len; bit++) {
		frozen[bit / 8] ^= (unsigned char)(1u << bit % 8);
		cr_assert_neq(frozen_decode(&b, frozen, len, "db/n", 4), RECORD_FINE, "bit %zu",
			      bit);
		frozen[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	for (size_t n = 0; n < len; n++)
		cr_assert_neq(frozen_decode(&b, frozen, n, "db/n", 4), RECORD_FINE, "%zu bytes", n);
}

Test(remote_frozen, leaves_what_is_not_frozen)
{
	static _Alignas(8) unsigned char plain[RECORD_BYTES];
	size_t len;

	(void)freeze_sample();
	len = record_encode(&a, plain);
	cr_assert(!frozen_look(plain, len).is_frozen);
	cr_assert_eq(frozen_decode(&b, plain, len, "db/n", 4), RECORD_FINE);
	cr_assert_eq(b.generation, 3);
}
