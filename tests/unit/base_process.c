/* SPDX-License-Identifier: MIT */
/* The registry: members, which owner a thread has in them, the ends of threads, and forks. */
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

enum { MEMBERS = 9, FORKED = 4711 };

struct club {
	struct member member;
	_Atomic unsigned ended; /* threads that ended */
	void *_Atomic owner;    /* of the last of them */
	_Atomic unsigned returned;
	void *_Atomic spare; /* … of the last of those with one */
};

static void
note_end(struct member *me, void *owner)
{
	struct club *c = container_of(me, struct club, member);

	atomic_fetch_add(&c->ended, 1);
	atomic_store(&c->owner, owner);
}

static void
note_return(struct member *me, void *owner)
{
	struct club *c = container_of(me, struct club, member);

	atomic_fetch_add(&c->returned, 1);
	atomic_store(&c->spare, owner);
}

static void
join(struct club *c)
{
	memset(c, 0, sizeof(*c));
	c->member.forked = FORKED;
	c->member.thread_ends = note_end;
	c->member.spare_returns = note_return;
	cr_assert(process_join(&c->member));
}

static void
join_all(struct club *c)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		join(&c[i]);
}

static void
leave_all(struct club *c)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		process_leave(&c[i].member);
}

Test(process, serials_are_never_used_twice)
{
	struct club c;
	uint64_t last = 0;

	for (int i = 0; i < 100; i++) {
		join(&c);
		cr_expect_gt(c.member.serial, last);
		last = c.member.serial;
		process_leave(&c.member);
	}
}

/* More of them than there is room for at first. */
Test(process, one_owner_in_each_member)
{
	static struct club c[MEMBERS];

	join_all(c);
	for (unsigned i = 0; i < MEMBERS; i++) {
		cr_expect_null(process_owner(&c[i].member));
		cr_assert(process_set_owner(&c[i].member, &c[i]));
	}
	for (unsigned i = 0; i < MEMBERS; i++)
		cr_expect_eq(process_owner(&c[i].member), (void *)&c[i]);
	process_forget_owner(&c[3].member, &c[2]); /* not its owner */
	cr_expect_eq(process_owner(&c[3].member), (void *)&c[3]);
	process_forget_owner(&c[3].member, &c[3]);
	process_forget_owner(&c[3].member, &c[3]);
	for (unsigned i = 0; i < MEMBERS; i++)
		cr_expect_eq(process_owner(&c[i].member), i == 3 ? NULL : (void *)&c[i], "%u", i);
	cr_assert(process_set_owner(&c[3].member, &c[0]));
	cr_expect_eq(process_owner(&c[3].member), (void *)&c[0]);
	leave_all(c);
}

/* A member that came back to the same memory is another member. */
Test(process, owners_do_not_outlive_their_member)
{
	struct club c;
	int owner;

	for (int i = 0; i < 1000; i++) {
		join(&c);
		cr_expect_null(process_owner(&c.member));
		cr_assert(process_set_owner(&c.member, &owner));
		process_leave(&c.member);
	}
}

static void
have_owner(void *arg, unsigned index)
{
	struct club *c = arg;

	(void)index;
	cr_expect_null(process_owner(&c->member), "another thread's");
	cr_expect(process_set_owner(&c->member, &index));
	cr_expect_eq(process_owner(&c->member), (void *)&index);
}

/* (F2) */
Test(process, the_end_of_a_thread_is_told)
{
	struct club c;
	int mine;

	join(&c);
	cr_assert(process_set_owner(&c.member, &mine));
	for (unsigned n = 1; n <= 20; n++) {
		test_threads(1, have_owner, &c);
		cr_expect_eq(atomic_load(&c.ended), n);
		cr_expect_neq(atomic_load(&c.owner), NULL);
		cr_expect_neq(atomic_load(&c.owner), (void *)&mine);
	}
	cr_expect_eq(process_owner(&c.member), (void *)&mine);
	test_threads(8, have_owner, &c);
	cr_expect_eq(atomic_load(&c.ended), 28);
	process_leave(&c.member);
}

static void
have_owners_in_all(void *arg, unsigned index)
{
	struct club *c = arg;

	(void)index;
	for (unsigned i = 0; i < MEMBERS; i++)
		cr_expect(process_set_owner(&c[i].member, &c[i]));
	process_forget_owner(&c[0].member, &c[0]);
	process_forget_owner(&c[4].member, &c[4]);
	process_leave(&c[5].member);
}

/* Not to a member that has left, nor where the owner was forgotten. */
Test(process, the_end_of_a_thread_is_told_to_all_it_concerns)
{
	static struct club c[MEMBERS];

	join_all(c);
	test_threads(1, have_owners_in_all, c);
	for (unsigned i = 0; i < MEMBERS; i++) {
		bool told = i != 0 && i != 4 && i != 5;

		cr_expect_eq(atomic_load(&c[i].ended), told, "member %u", i);
		cr_expect_eq(atomic_load(&c[i].owner), told ? &c[i] : NULL, "member %u", i);
	}
	join(&c[5]);
	leave_all(c);
}

static void
do_nothing(void *arg, unsigned index)
{
	(void)arg;
	(void)index;
}

Test(process, a_thread_without_owners_is_of_no_concern)
{
	struct club c;

	join(&c);
	test_threads(1, do_nothing, NULL);
	cr_expect_eq(atomic_load(&c.ended), 0);
	process_leave(&c.member);
}

/* ---------------------------------------------------------------------- spares */

/* (F3) */
Test(process, a_spare_is_kept_for_its_member)
{
	struct club c[2];
	int one, other;

	join(&c[0]);
	join(&c[1]);
	cr_expect_null(process_take_spare(&c[0].member));
	cr_expect(process_keep_spare(&c[0].member, &one));
	cr_expect(!process_keep_spare(&c[0].member, &other), "there is one");
	cr_expect(!process_keep_spare(&c[1].member, &other), "there is one, of another");
	cr_expect_null(process_take_spare(&c[1].member));
	cr_expect_eq(process_take_spare(&c[0].member), (void *)&one);
	cr_expect_null(process_take_spare(&c[0].member), "once");
	cr_expect(process_keep_spare(&c[0].member, &other));
	cr_expect_eq(process_take_spare(&c[0].member), (void *)&other);
	cr_expect(process_keep_spare(&c[1].member, &one));
	cr_expect_null(process_take_spare(&c[0].member));
	cr_expect(!process_keep_spare(&c[0].member, &other));
	process_leave(&c[0].member);
	cr_expect_eq(process_take_spare(&c[1].member), (void *)&one);
	process_leave(&c[1].member);
}

Test(process, a_spare_of_a_member_that_has_left_makes_room)
{
	struct club c[3];
	int one, other;

	for (unsigned i = 0; i < 3; i++)
		join(&c[i]);
	cr_assert(process_keep_spare(&c[0].member, &one));
	process_leave(&c[1].member);
	cr_expect(!process_keep_spare(&c[2].member, &other));
	process_leave(&c[0].member);
	cr_expect(process_keep_spare(&c[2].member, &other));
	cr_expect_eq(process_take_spare(&c[2].member), (void *)&other);
	process_leave(&c[2].member);
}

static void
have_spare(void *arg, unsigned index)
{
	struct club *c = arg;

	(void)index;
	cr_expect_null(process_take_spare(&c->member), "another thread's");
	cr_expect(process_keep_spare(&c->member, arg));
	cr_expect_eq(process_take_spare(&c->member), arg);
	cr_expect(process_keep_spare(&c->member, arg));
}

static void
have_had_spare(void *arg, unsigned index)
{
	struct club *c = arg;

	have_spare(arg, index);
	(void)process_take_spare(&c->member);
}

static void
have_spare_of_one_that_leaves(void *arg, unsigned index)
{
	struct club *c = arg;

	have_spare(arg, index);
	process_leave(&c->member);
}

/* (F3) */
Test(process, a_spare_returns_when_its_thread_ends)
{
	struct club c;

	join(&c);
	for (unsigned n = 1; n <= 20; n++) {
		test_threads(1, have_spare, &c);
		cr_expect_eq(atomic_load(&c.returned), n);
		cr_expect_eq(atomic_load(&c.spare), (void *)&c);
	}
	test_threads(8, have_spare, &c);
	cr_expect_eq(atomic_load(&c.returned), 28);
	test_threads(1, have_had_spare, &c);
	test_threads(1, have_spare_of_one_that_leaves, &c);
	cr_expect_eq(atomic_load(&c.returned), 28);
	cr_expect_eq(atomic_load(&c.ended), 0);
}

/* ------------------------------------------------------------------------ fork */

static uint32_t
gate(struct club *c)
{
	return shim_load(&c->member.gate, SHIM_ACQUIRE);
}

/* What is wrong in the child; 0: nothing. */
static int
check_child(struct club *c, unsigned n)
{
	struct club later;

	for (unsigned i = 0; i < n; i++) {
		if (gate(&c[i]) != FORKED)
			return 1;
		if (process_owner(&c[i].member) != NULL || process_take_spare(&c[i].member) != NULL)
			return 2;
	}
	memset(&later, 0, sizeof(later));
	if (!process_join(&later.member) || gate(&later) != 0)
		return 3;
	if (!process_set_owner(&later.member, &later) ||
	    process_owner(&later.member) != (void *)&later)
		return 4;
	process_leave(&later.member);
	return 0;
}

/* (F1) */
Test(process, a_fork_shuts_the_gates_in_the_child)
{
	static struct club c[MEMBERS];
	int status;
	pid_t child;

	join_all(c);
	for (unsigned i = 0; i < MEMBERS; i++)
		cr_assert(process_set_owner(&c[i].member, &c[i]));
	cr_assert(process_keep_spare(&c[3].member, &c[3]));
	child = fork();
	cr_assert_ge(child, 0);
	if (child == 0)
		_exit(check_child(c, MEMBERS));
	cr_expect_eq(process_take_spare(&c[3].member), (void *)&c[3]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 0);
	for (unsigned i = 0; i < MEMBERS; i++) {
		cr_expect_eq(gate(&c[i]), 0);
		cr_expect_eq(process_owner(&c[i].member), (void *)&c[i]);
	}
	leave_all(c);
}

/* The registry is whole in a child, whatever other threads did with it at the time. */
static void
join_and_leave(void *arg, unsigned index)
{
	atomic_bool *stop = arg;
	struct club c;

	(void)index;
	while (!atomic_load(stop)) {
		memset(&c, 0, sizeof(c));
		c.member.thread_ends = note_end;
		cr_expect(process_join(&c.member));
		process_leave(&c.member);
	}
}

Test(process, a_fork_while_others_join)
{
	atomic_bool stop = false;
	struct test_thread t;
	struct club c;

	join(&c);
	test_spawn(&t, 1, join_and_leave, &stop);
	for (int i = 0; i < 30; i++) {
		pid_t child = fork();
		int status;

		cr_assert_ge(child, 0);
		if (child == 0)
			_exit(check_child(&c, 1));
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "round %d", i);
	}
	atomic_store(&stop, true);
	test_join(&t, 1);
	cr_expect_eq(gate(&c), 0);
	process_leave(&c.member);
}
