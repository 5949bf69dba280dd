/* SPDX-License-Identifier: MIT */
/*
 * Record: what a store keeps of one name.  A few bytes that processes replace atomically by what decide() says
 * (decide.h); here is their form in memory, and their encoding.
 *
 * Who holds, in a record, is a *session* (one of each process and store), in the one mode that its process needs
 * of the name; or a *detached* grant, which belongs to a token and a lease of its own, and to no session.
 *
 * The encoding, format 1.  Little-endian; nothing is aligned.  The fields marked * have this place in every
 * format there will be, and so has the checksum: XXH3 (64 bits, no seed) of all bytes before it.
 *
 *     at  bytes
 *      0    4   *  'L' 'K' 'r' 0x1a
 *      4    2   *  format: 1
 *      6    2      parts: 1 orphaned, 2 a value follows, 4 permits follow; all else 0
 *      8    4   *  length of all, checksum included
 *     12    4      epoch
 *     16    8      generation
 *     24    8      settings, hashed
 *     32    8      clock that the times are of
 *     40    8      fence, the last one handed out
 *     48    2      length of the name, n: 1 to 4096
 *     50    1      holders      51  1  waiters      52  1  endings      53  3  0
 *     56    n      name
 *                  value, if it has one:  8 version | 8 request | 1 flags: 1 invalid | 1 length | bytes
 *                  permits, if it has some:  4
 *                  holders:  16 who | 8 born | 8 since | 1 mode | 1 flags | 1 length of the tag | 1 0
 *                            | flag 8:  8 request  | flag 16:  8 fence, 4 how many
 *                            | flag 1 or 2:  8 renewed, 8 lease  | record has permits:  4 units | tag
 *                  waiters:  16 who | 8 request | 8 since | 8 renewed | 8 ttl | 4 priority | 4 fences
 *                            | 2 passed | 1 mode | 1 flags | 1 length of the tag | 1 0
 *                            | flag 1:  8 lease  | record has permits:  4 units | flag 2:  4 firm | tag
 *                  endings:  16 who | 8 born | 8 at | 8 fence | 1 mode | 1 why | 2 0
 *   last    8   *  checksum
 *
 * One holder in S: 100 bytes and the name; in X 112.
 *
 * RF1  a record is written in one way only: what decodes without a fault encodes to the same bytes.
 * RF2  what decodes without a fault is a record that decide() can have made: holders agree with each other, ids
 *      are there once, nothing is out of its range.  Whatever is not is a fault, never a lock that is held.
 * RF3  a flipped bit, or an end cut off, is a fault: magic and length are looked at first, then the checksum, and
 *      all the rest, the format included, only if that is right.
 * RF4  equal records are equal bytes in memory up to the counts: structures have no gaps, and what is not used of
 *      them is 0.
 */
#ifndef LK_RECORD_RECORD_H
#define LK_RECORD_RECORD_H

#include <latchkey.h>
#include <latchkey/value.h>

#include "mode/mode.h"

/* Bounds: the longest record (RECORD_BYTES) is what every store can keep. */
enum {
	RECORD_HOLDERS = 200,
	RECORD_WAITERS = 200,
	RECORD_ENDINGS = 4,
	RECORD_TAG = 64,
	RECORD_BYTES = 65536,
	RECORD_FORMAT = 1
};

#define RECORD_FENCE_MAX   (UINT64_C(1) << 63) /* fences, generations and versions are below */
#define RECORD_BLOCK_MAX   UINT32_MAX          /* fences at a time */
#define RECORD_PERMITS_MAX (1u << 30)

/* A session, or the token of a detached grant: 128 random bits.  All zeros is nobody. */
struct record_id {
	uint8_t byte[16];
};

enum record_holder_flag {
	HOLDER_DETACHED = 1, /* has a lease of its own, and no session */
	HOLDER_KEPT =
		2, /* gone: the name is kept from others in this mode for a while (lock delay) */
	HOLDER_TOLD =
		4 /* it was the first after a writer that did not end well, and has the mark (DE7) */
};

/*
 * Of a waiter: HOLDER_DETACHED; or that its session shares out what it has of the units: they come back one by one, whoever
 * waits.  Then `units` and `firm` are of whoever in the session waits, and are not what the session will have.
 */
enum record_waiter_flag { WAITER_POOL = 2 };

struct record_holder {
	struct record_id who;
	uint64_t born;     /* the request that made it a holder: the identity of what it has */
	uint64_t request;  /* the latest request of it that was granted */
	uint64_t since;    /* when it became holder */
	uint64_t fence;    /* first number since it last began to write; 0: it never could */
	uint64_t renewed;  /* DETACHED: beginning of the lease; KEPT: of the delay; else 0 */
	uint64_t lease;    /* … and how long that is; else 0 */
	uint32_t n_fences; /* how many numbers from `fence` on are its; 0: no fence */
	uint32_t units;    /* of the permits */
	uint8_t mode;      /* never LK_NL */
	uint8_t flags;     /* enum record_holder_flag */
	uint8_t tag_len;
	uint8_t zero[5];
	uint8_t tag[RECORD_TAG]; /* for "who has it" */
};

struct record_waiter {
	struct record_id who;
	uint64_t request;
	uint64_t since;
	uint64_t renewed;  /* when it last said that it is there */
	uint64_t ttl;      /* for how long that counts; 0: as long as its session lives */
	uint64_t lease;    /* DETACHED: of the grant that it will get */
	int32_t priority;  /* higher goes first */
	uint32_t n_fences; /* wanted, if it is granted in a mode that writes */
	uint32_t units;    /* that it will have */
	uint32_t firm;     /* POOL: of these it has so many already, and keeps them; else 0 */
	uint16_t passed;   /* by how many of a higher priority */
	uint8_t want;      /* the mode that it will have */
	uint8_t flags;     /* HOLDER_DETACHED, WAITER_POOL */
	uint8_t tag_len;
	uint8_t zero[3];
	uint8_t tag[RECORD_TAG];
};

/* Why a hold ended otherwise than by its holder. */
enum record_why {
	RECORD_WHY_DIED = 1, /* its session is dead */
	RECORD_WHY_EXPIRED,  /* its lease was over */
	RECORD_WHY_BROKEN    /* an operator ended it */
};

/* One of the latest such ends, for its holder, should it ask.  A courtesy: old ones give way. */
struct record_ending {
	struct record_id who;
	uint64_t born;
	uint64_t at;
	uint64_t fence;
	uint8_t mode;
	uint8_t why; /* enum record_why */
	uint8_t zero[6];
};

struct record_value {
	uint64_t version; /* 0: there is none, and then all of this is 0 */
	uint64_t request; /* that wrote it */
	uint8_t is_invalid;
	uint8_t len;
	uint8_t zero[6];
	uint8_t bytes[LK_VALUE_MAX];
};

struct record {
	const void *name; /* the caller's bytes */
	uint64_t generation;
	uint64_t settings; /* a hash of what all processes must agree on */
	uint64_t clock;    /* which clock all times are of */
	uint64_t fence;    /* the last number handed out */
	uint32_t epoch;    /* of the floor of fences that `fence` was lifted to */
	uint32_t permits;  /* of the semaphore; 0: nobody has or wants units */
	uint16_t name_len;
	uint8_t n_holders;
	uint8_t n_waiters;
	uint8_t n_endings;
	uint8_t is_orphaned; /* a writer did not end well, and nobody was told yet */
	uint8_t zero[2];
	struct record_value value;
	struct record_ending ending[RECORD_ENDINGS]; /* the oldest first */
	struct record_holder holder[RECORD_HOLDERS]; /* in no order that matters */
	struct record_waiter waiter[RECORD_WAITERS]; /* the line, from its head */
};

/* What is wrong with bytes. */
enum record_fault {
	RECORD_FINE,
	RECORD_CUT,      /* not as long as it says */
	RECORD_ALIEN,    /* not a record at all */
	RECORD_DAMAGED,  /* the checksum is wrong */
	RECORD_NEWER,    /* a format of later versions */
	RECORD_MISNAMED, /* another name's */
	RECORD_ABSURD,   /* whole, but nothing that was ever decided (RF2) */
	RECORD_FAULTS
};

/* LK_E_CORRUPT; for RECORD_NEWER LK_E_VERSION. */
int record_fault_code(enum record_fault fault);
const char *record_fault_text(enum record_fault fault);

/*
 * Read `bytes` as the record of that name, whose bytes it will point to; NULL: of whatever name it says, in `bytes`.
 * On a fault `*out` is a mess without holders, waiters or meaning.
 */
enum record_fault record_decode(struct record *out, const void *bytes, size_t len, const void *name,
				size_t name_len);

/* How many bytes record_encode() makes: never more than RECORD_BYTES. */
size_t record_size(const struct record *r);

/* Into `out`, which has room for record_size() bytes; returns how many that is.  (RF1) */
size_t record_encode(const struct record *r, void *out);

/* A record of nothing. */
void record_init(struct record *r, const void *name, size_t name_len);

/* Copies what is used.  Not to itself. */
void record_copy(struct record *to, const struct record *from);

/* The same in all but the generation?  (RF4) */
bool record_same(const struct record *a, const struct record *b);

/*
 * Nobody holds, waits, is kept out, or is to be told anything, and there is no value.  Such a record may be removed,
 * in one step in which the store's floor is at least its fence and its generation.  (DE8)
 */
bool record_is_idle(const struct record *r);

/* A reason against that in words, or why it is not RF2; NULL: none. */
const char *record_absurdity(const struct record *r);

static inline bool
record_id_is(const struct record_id *a, const struct record_id *b)
{
	return __builtin_memcmp(a->byte, b->byte, sizeof(a->byte)) == 0;
}

/* What it holds, what is kept in its name, what it waits for; NULL: nothing. */
struct record_holder *record_holder_of(const struct record *r, const struct record_id *who);
struct record_holder *record_kept_of(const struct record *r, const struct record_id *who);
struct record_waiter *record_waiter_of(const struct record *r, const struct record_id *who);
struct record_ending *record_ending_of(const struct record *r, const struct record_id *who);

/* The mode in which it holds the name, LK_NL for none; and its units. */
lk_mode record_held(const struct record *r, const struct record_id *who, uint32_t *units);

/* What others want of a name that somebody holds. */
struct record_demand {
	lk_mode mode;     /* all that they want together; LK_NL: nobody waits for the holder */
	uint32_t units;   /* the most that one of them wants, with what it has */
	uint32_t n;       /* how many wait for it */
	int32_t priority; /* the highest among them */
};

struct record_demand record_demand_on(const struct record *r, const struct record_holder *h);

/* How many units a session will have when `q`, its waiter, is granted. */
uint32_t record_asks(const struct record *r, const struct record_waiter *q);

/*
 * Is `h` in the way of `who`, who wants that?  With units: not all of those who have some need to go.
 */
bool record_in_way(const struct record *r, const struct record_holder *h,
		   const struct record_id *who, lk_mode want, uint32_t units);

#endif /* LK_RECORD_RECORD_H */
