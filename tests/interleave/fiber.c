/* SPDX-License-Identifier: MIT */
/* Fibers: stacks to switch between.  By hand where that is fast, else by ucontext. */
#include "world.h"

#if defined(__x86_64__) && !defined(LK_SANITIZE)

/* Callee-saved registers on the old stack, then those of the new one. */
__asm__(".text\n"
	".globl fiber_switch\n"
	".type fiber_switch, @function\n"
	"fiber_switch:\n"
	"	endbr64\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size fiber_switch, . - fiber_switch\n");

void *
fiber_prepare(unsigned i, void (*entry)(void))
{
	void **sp = (void **)(void *)((char *)fiber_stack(i) + STACK_SIZE);

	*--sp = NULL; /* the stack as a call leaves it */
	*--sp = (void *)(uintptr_t)entry;
	for (int n = 0; n < 6; n++)
		*--sp = NULL;
	return sp;
}

uintptr_t
fiber_frame(const struct fiber *f)
{
	return (uintptr_t)f->sp;
}

#else

#include <ucontext.h>

/* `sp` points to a context; one more for whoever is no fiber. */
static ucontext_t context[FIBERS_MAX + 1];

void *
fiber_prepare(unsigned i, void (*entry)(void))
{
	ucontext_t *c = &context[i];

	getcontext(c);
	c->uc_stack.ss_sp = fiber_stack(i);
	c->uc_stack.ss_size = STACK_SIZE;
	c->uc_link = NULL;
	makecontext(c, entry, 0);
	return c;
}

void
fiber_switch(void **from, void *to)
{
	ucontext_t *c = &context[FIBERS_MAX];

	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (from == &world.fiber[i].sp)
			c = &context[i];
	}
	*from = c;
	swapcontext(c, to);
}

uintptr_t
fiber_frame(const struct fiber *f)
{
	(void)f;
	return 0; /* not known */
}

#endif
