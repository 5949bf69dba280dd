/* SPDX-License-Identifier: MIT */
/* Fibers on ucontext, with what the sanitizers must be told at every switch. */
#include "fiber.h"
#include "sanitizers.h"

#include <stdlib.h>

#ifdef MODEL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef MODEL_TSAN
#include <sanitizer/tsan_interface.h>
#endif

enum { STACK = 256 * 1024 };

static struct {
	ucontext_t context;
	struct fiber *current;
	const void *bottom; /* of its stack, as AddressSanitizer says */
	size_t size;
	void *fake_stack;
	void *tsan;
} driver;

/* Before the switch; `to` is NULL for the driver. */
static void
leave(struct fiber *to, void **fake_stack)
{
	(void)to;
	(void)fake_stack;
#ifdef MODEL_ASAN
	__sanitizer_start_switch_fiber(fake_stack, to != NULL ? to->stack : driver.bottom,
				       to != NULL ? (size_t)STACK : driver.size);
#endif
#ifdef MODEL_TSAN
	__tsan_switch_to_fiber(to != NULL ? to->tsan : driver.tsan, 0);
#endif
}

/* After the switch: on a fiber `from_driver`, whose stack is noted then. */
static void
arrive(void *fake_stack, bool from_driver)
{
	(void)fake_stack;
	(void)from_driver;
#ifdef MODEL_ASAN
	__sanitizer_finish_switch_fiber(fake_stack, from_driver ? &driver.bottom : NULL,
					from_driver ? &driver.size : NULL);
#endif
}

/* A fiber runs one call after the other, for ever. */
static void
work(void)
{
	arrive(NULL, true);
	for (;;) {
		struct fiber *f = driver.current;

		f->body(f->arg);
		f->busy = false;
		fiber_sleep();
	}
}

static void
prepare(struct fiber *f)
{
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = STACK;
	f->context.uc_link = NULL;
	f->fake_stack = NULL;
	f->busy = false;
	makecontext(&f->context, work, 0);
}

bool
fiber_init(struct fiber *f)
{
	f->stack = malloc(STACK);
	if (f->stack == NULL)
		return false;
#ifdef MODEL_TSAN
	f->tsan = __tsan_create_fiber(0);
#endif
	prepare(f);
	return true;
}

void
fiber_fini(struct fiber *f)
{
#ifdef MODEL_TSAN
	__tsan_destroy_fiber(f->tsan);
#endif
	free(f->stack);
}

void
fiber_resume(struct fiber *f)
{
#ifdef MODEL_TSAN
	driver.tsan = __tsan_get_current_fiber();
#endif
	driver.current = f;
	leave(f, &driver.fake_stack);
	swapcontext(&driver.context, &f->context);
	arrive(driver.fake_stack, false);
	driver.current = NULL;
}

void
fiber_call(struct fiber *f, void (*body)(void *arg), void *arg)
{
	f->body = body;
	f->arg = arg;
	f->busy = true;
	fiber_resume(f);
}

void
fiber_sleep(void)
{
	struct fiber *f = driver.current;

	leave(NULL, &f->fake_stack);
	swapcontext(&f->context, &driver.context);
	arrive(f->fake_stack, true);
}

struct fiber *
fiber_current(void)
{
	return driver.current;
}

void
fiber_abandon(struct fiber *f)
{
	if (f->busy)
		prepare(f);
}
