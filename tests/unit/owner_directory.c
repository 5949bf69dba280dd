/* SPDX-License-Identifier: MIT */
/* Owners by their number.  (DI1) */
#include "harness.h"
#include "owner/directory.h"

enum { OWNERS = 1000 };

static struct test_heap heap;
static struct env env;
static struct directory directory;
static struct lk_owner *owner; /* of each only the id is looked at */

static void
set_up(void)
{
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	memset(&directory, 0, sizeof(directory));
	owner = env_zalloc(&env, OWNERS * sizeof(*owner), LK_LINE);
	cr_assert_not_null(owner);
	for (uint64_t i = 0; i < OWNERS; i++)
		shim_init(&owner[i].id, 3 * OWNER_OPENING + i);
}

static void
tear_down(void)
{
	directory_fini(&directory, &env);
	env_free(&env, owner, OWNERS * sizeof(*owner));
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

#define DirectoryTest(name) Test(directory, name, .init = set_up, .fini = tear_down)

DirectoryTest(finds_what_was_entered)
{
	for (uint64_t i = 0; i < OWNERS; i++)
		cr_assert_null(directory_find(&directory, i));
	for (uint64_t i = OWNERS; i-- > 0;) {
		cr_assert_eq(directory_enter(&directory, &env, &owner[i]), DIRECTORY_OK);
		cr_assert_eq(directory_enter(&directory, &env, &owner[i]), DIRECTORY_OK);
	}
	for (uint64_t i = 0; i < OWNERS; i++) {
		cr_assert_eq(directory_find(&directory, i), &owner[i]);
		cr_assert_eq(directory_find(&directory, 9 * OWNER_OPENING + i), &owner[i]);
	}
	cr_expect_null(directory_find(&directory, OWNERS));
}

DirectoryTest(has_a_place_for_every_number)
{
	const uint64_t numbers[] = {
		0, 63, 64, 127, 128, 4096, OWNER_OPENING / 2 - 1, OWNER_OPENING - 1
	};

	for (unsigned i = 0; i < countof(numbers); i++) {
		shim_init(&owner[i].id, numbers[i]);
		cr_assert_null(directory_find(&directory, numbers[i]));
		cr_assert_eq(directory_enter(&directory, &env, &owner[i]), DIRECTORY_OK);
	}
	for (unsigned i = 0; i < countof(numbers); i++)
		cr_expect_eq(directory_find(&directory, numbers[i]), &owner[i]);
}

DirectoryTest(has_one_owner_of_a_number)
{
	shim_init(&owner[1].id, OWNER_OPENING + 0);
	cr_assert_eq(directory_enter(&directory, &env, &owner[0]), DIRECTORY_OK);
	cr_expect_eq(directory_enter(&directory, &env, &owner[1]), DIRECTORY_FULL);
	cr_expect_eq(directory_find(&directory, 0), &owner[0]);
}

DirectoryTest(is_as_it_was_without_memory)
{
	cr_assert_eq(directory_enter(&directory, &env, &owner[0]), DIRECTORY_OK);
	test_heap_fail(&heap, 1, true);
	cr_expect_eq(directory_enter(&directory, &env, &owner[1]), DIRECTORY_OK);
	cr_expect_eq(directory_enter(&directory, &env, &owner[64]), DIRECTORY_NOMEM);
	cr_expect_null(directory_find(&directory, 64));
	test_heap_fail(&heap, 0, false);
	cr_expect_eq(directory_enter(&directory, &env, &owner[64]), DIRECTORY_OK);
}

static void
enter_all(void *arg, unsigned index)
{
	(void)arg;
	for (unsigned i = index; i < OWNERS; i++) {
		cr_expect_eq(directory_enter(&directory, &env, &owner[i]), DIRECTORY_OK);
		cr_expect_eq(directory_find(&directory, i), &owner[i]);
	}
}

/* Who makes a part in vain gives it back. */
DirectoryTest(needs_no_latch)
{
	test_threads(4, enter_all, NULL);
}
