/* SPDX-License-Identifier: MIT */
/* What processes say of themselves, and whether it agrees.  (BO1-BO4) */
#include "board.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

const char *const board_names[BOARD_NAMES] = {
	"hot", "a", "b", "c", "d", "d/t", "d/t/1", "d/t/2", "d/u", "d/u/1",
};

#define MODES (LK_X + 1)

/* By hand, so that they cannot share a mistake with the library. */
static const bool compatible[MODES][MODES] = {
	[LK_NL] = { 1, 1, 1, 1, 1, 1, 1 },
	/*        NL IS IX  S SIX U  X */
	[LK_IS] = { 1, 1, 1, 1, 1, 1, 0 },
	[LK_IX] = { 1, 1, 1, 0, 0, 0, 0 },
	[LK_S] = { 1, 1, 0, 1, 0, 1, 0 },
	[LK_SIX] = { 1, 1, 0, 0, 0, 0, 0 },
	[LK_U] = { 1, 1, 0, 1, 0, 0, 0 },
	[LK_X] = { 1, 0, 0, 0, 0, 0, 0 },
};

static const lk_mode intents[MODES] = {
	[LK_NL] = LK_NL,  [LK_IS] = LK_IS, [LK_IX] = LK_IX, [LK_S] = LK_IS,
	[LK_SIX] = LK_IX, [LK_U] = LK_IX,  [LK_X] = LK_IX,
};

struct claim
claim_of(uint64_t word)
{
	return (struct claim){ .life = (uint32_t)(word >> 40),
			       .number = (uint32_t)(word >> 16) & 0xffffffu,
			       .name = (unsigned)(word >> 8) & 0xffu,
			       .mode = (lk_mode)(word & 0xffu) };
}

uint64_t
claim_word(const struct claim *c)
{
	return (uint64_t)c->life << 40 | ((uint64_t)c->number & 0xffffffu) << 16 |
	       (uint64_t)c->name << 8 | (uint64_t)c->mode;
}

static bool
is_below(unsigned name, unsigned top)
{
	const size_t n = strlen(board_names[top]);

	return strncmp(board_names[name], board_names[top], n) == 0 && board_names[name][n] == '/';
}

bool
board_is_leaf(unsigned name)
{
	for (unsigned i = 0; i < BOARD_NAMES; i++) {
		if (is_below(i, name))
			return false;
	}
	return true;
}

bool
claims_agree(const struct claim *a, const struct claim *b)
{
	if (a->name == b->name)
		return compatible[a->mode][b->mode];
	if (is_below(a->name, b->name))
		return compatible[intents[a->mode]][b->mode];
	if (is_below(b->name, a->name))
		return compatible[a->mode][intents[b->mode]];
	return true;
}

struct board *
board_open(const char *path, bool is_new)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | (is_new ? O_CREAT | O_EXCL : 0), 0600);
	void *at = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (!is_new || ftruncate(fd, sizeof(struct board)) == 0)
		at = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	return at != MAP_FAILED ? at : NULL;
}

void
board_close(struct board *b)
{
	(void)munmap(b, sizeof(*b));
}

void
board_says(struct board *b, const char *format, ...)
{
	char line[256];
	uint64_t at;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	at = atomic_fetch_add(&b->text_used, (uint64_t)n);
	if (at + (uint64_t)n < BOARD_TEXT)
		memcpy(&b->text[at], line, (size_t)n);
	atomic_fetch_add(&b->wrong, 1);
}

/* --------------------------------------------------------------------------- claims */

static void
pause_briefly(void)
{
	(void)nanosleep(&(struct timespec){ 0, 100000 }, NULL);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Their claims conflict: is the other one dying?  (BO3) */
static void
judge(struct place *p, const struct claim *mine, unsigned process, _Atomic uint64_t *at,
      uint64_t word)
{
	struct board_process *other = &p->b->processes[process];
	const struct claim theirs = claim_of(word);
	const uint64_t end = now_ns() + UINT64_C(30000000000);
	uint64_t is;

	do {
		is = atomic_load(at);
		if (atomic_load(&other->gone) >= theirs.life)
			return;
		if (is == word)
			pause_briefly();
	} while (is == word && now_ns() < end);
	board_says(p->b, "process %u, thread %u has %s in %s, and process %u %s in %s%s",
		   p->process, p->thread, board_names[mine->name], lk_modename(mine->mode), process,
		   board_names[theirs.name], lk_modename(theirs.mode),
		   is == word ? ", for half a minute" : "");
}

static void
look_around(struct place *p, const struct claim *mine)
{
	for (unsigned i = 0; i < BOARD_PROCESSES * BOARD_THREADS; i++) {
		const unsigned process = i / BOARD_THREADS;
		const unsigned thread = i % BOARD_THREADS;

		if (process == p->process && thread == p->thread)
			continue;
		for (unsigned k = 0; k < BOARD_CLAIMS; k++) {
			_Atomic uint64_t *at = &p->b->processes[process].claims[thread][k];
			const uint64_t word = atomic_load(at);
			const struct claim theirs = claim_of(word);

			if (theirs.mode != LK_NL && !claims_agree(mine, &theirs))
				judge(p, mine, process, at, word);
		}
	}
}

void
board_claims(struct place *p, unsigned slot, unsigned name, lk_mode mode)
{
	const struct claim mine = {
		.life = p->life, .number = ++p->number, .name = name, .mode = mode
	};

	atomic_store(&p->b->processes[p->process].claims[p->thread][slot], claim_word(&mine));
	look_around(p, &mine);
}

void
board_leaves(struct place *p, unsigned slot)
{
	atomic_store(&p->b->processes[p->process].claims[p->thread][slot], 0);
}

void
board_fence(struct place *p, unsigned name, uint64_t fence)
{
	const uint64_t before = atomic_exchange(&p->b->names[name].fence, fence);

	if (fence <= before)
		board_says(p->b, "process %u has %s with the fence %llu, after %llu", p->process,
			   board_names[name], (unsigned long long)fence,
			   (unsigned long long)before);
}

void
board_told(struct place *p, unsigned name, lk_mode mode, bool is_told)
{
	_Atomic uint64_t *orphan = &p->b->names[name].orphan;
	uint64_t kill;

	if (is_told) {
		board_counts(p->b, COUNT_told);
		atomic_store(orphan, 0);
	} else if (mode == LK_X) {
		kill = atomic_exchange(orphan, 0);
		if (kill != 0 &&
		    kill == atomic_load(&p->b->kills)) /* else they may have been told */
			board_says(p->b, "process %u was not told that a writer of %s had died",
				   p->process, board_names[name]);
	}
}

void
board_buries(struct board *b, unsigned process, uint64_t kill)
{
	struct board_process *p = &b->processes[process];

	for (unsigned i = 0; i < BOARD_THREADS * BOARD_CLAIMS && kill != 0; i++) {
		const struct claim c =
			claim_of(atomic_load(&p->claims[i / BOARD_CLAIMS][i % BOARD_CLAIMS]));

		if (c.mode == LK_X && board_is_leaf(c.name))
			atomic_store(&b->names[c.name].orphan, kill);
	}
	atomic_store(&p->gone, atomic_load(&p->life));
	for (unsigned i = 0; i < BOARD_THREADS * BOARD_CLAIMS; i++)
		atomic_store(&p->claims[i / BOARD_CLAIMS][i % BOARD_CLAIMS], 0);
}
