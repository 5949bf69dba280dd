/* SPDX-License-Identifier: MIT */
/*
 * What is in the files of a store in a folder.  All numbers are the machine's own (little-endian on both that
 * there are); a file of another order has another magic.
 *
 *   space      who this store is; its bytes beyond the end are what is locked (gate.h)
 *   s00 …      a stripe each: a table of entries, and extents with records
 *   durable    one more stripe, whose changes are on the disk before they are answered
 *   sessions   a slot for each session: its id, and who it is
 *   hints      which names have changed last
 *
 * A stripe:
 *
 *      0    head, 256 bytes      256    the head once more      512    log head, 64 bytes; what is logged behind it, or
 *                                                                        if it is long, behind the last extent
 *   4096    entries, 16 bytes each: the hash of a name, where its extent is, a sum
 *      …    extents of 128, 256, … bytes, each for ever of that size: extent head, name, record; or free
 *
 * SF1   a stripe is read with its lock, and written with its exclusive lock.  Stripes are locked in the order of their
 *       numbers.
 * SF2   nothing of a stripe is changed in place but by what is in a valid log: whoever finds one writes all that is in it, as
 *       often as it is found.  So an update is made by the one write of the log head, or not at all.
 * SF3   a log that names several stripes is in the first of them; the others say SEE before it is valid, and do so
 *       until it is cleared.  So as long as it is valid nobody changes what it names.
 * SF4   whatever is read is checked by itself: heads, entries and extents carry a sum over what they are and where they
 *       are.  What is empty says so with a sum; zeros are damage.  So no damage looks like "there is none".
 * SF5   an entry is found by looking from the place of the hash onwards until an empty one.  Damaged entries are passed
 *       by: a name behind them is found, and one that is not found may be theirs.
 * SF6   a stripe is replaced as a whole by renaming another file onto it, with its lock held; everybody looks by
 *       name which file it is before he uses it.
 * SF7   a generation grows with every change of a stripe, and goes on in a file that replaces it: a file with a
 *       smaller one than was seen before is somebody else's work.
 * SF8   of another boot of the machine all sessions are dead: what is damaged then is dropped (but of `durable`,
 *       where damage stays damage).
 */
#ifndef LK_ADAPTERS_FILE_FORMAT_H
#define LK_ADAPTERS_FILE_FORMAT_H

#include <latchkey/store.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FILE_FORMAT = 1,
	FILE_STRIPES_MAX = 62, /* and the durable one: one bit each in a word */
	FILE_STRIPES_STANDARD = 16,
	FILE_PAGE = 4096,
	FILE_LOG_AT = 512,            /* the log head in a stripe */
	FILE_LOG_INLINE = 4096 - 576, /* bytes of patches that fit behind it */
	FILE_UNIT = 128,              /* the smallest extent; all begin at multiples of it */
	FILE_CLASSES = 11,            /* … the largest is 128 << 10 */
	FILE_STEP = 1 << 15,
	FILE_ENTRIES_MIN = 128,
	FILE_SLOT = 512,     /* of a session */
	FILE_HINT_CELLS = 8, /* for each stripe */
	FILE_HINT_CELL = 128,
	FILE_HINT_NAME = FILE_HINT_CELL - 16
};

#define FILE_SPACE_MAGIC   UINT64_C(0x3145434150534b4c) /* "LKSPACE1" */
#define FILE_STRIPE_MAGIC  UINT64_C(0x3150495254534b4c) /* "LKSTRIP1" */
#define FILE_LIVE_MAGIC    UINT64_C(0x3145564c494c4b4c)
#define FILE_FREE_MAGIC    UINT64_C(0x3145455246584b4c)
#define FILE_LOG_MAGIC     UINT64_C(0x31474f4c4c4b4c4c)
#define FILE_SEE_MAGIC     UINT64_C(0x3145455353454b4c)
#define FILE_SESSION_MAGIC UINT64_C(0x314e4f4953534b4c)
#define FILE_NOBODY_MAGIC  UINT64_C(0x3159444f424f4b4c)

struct file_space {
	uint64_t magic;
	uint32_t format;
	uint32_t n_stripes;
	uint64_t is_ready;      /* 0: somebody has begun to make it */
	unsigned char id[16];   /* of this store, drawn when it was made */
	unsigned char boot[16]; /* of the machine when it was last opened first */
	uint64_t key;           /* of all hashes and sums */
	uint64_t sum;
};

struct file_head {
	uint64_t magic;
	uint32_t format;
	uint32_t stripe;
	unsigned char id[16]; /* of the store */
	uint64_t generation;  /* (SF7) */
	uint64_t hints;       /* names that have changed so far */
	uint64_t n_entries;   /* a power of 2 */
	uint64_t n_live;
	uint64_t n_gone;     /* entries that were in use */
	uint64_t live_bytes; /* of extents in use */
	uint64_t end;        /* where the next extent begins */
	uint64_t free[FILE_CLASSES];
	uint64_t reserved[9];
	uint64_t sum;
};

_Static_assert(sizeof(struct file_head) == 256, "two heads, then the log");

/* Where an extent is, in units of FILE_UNIT; or one of these. */
enum {
	ENTRY_EMPTY = 0,
	ENTRY_GONE = 1 /* it was in use */
};
#define ENTRY_DAMAGED UINT32_MAX /* in memory only: its sum is wrong */
#define FILE_END_MAX  (UINT64_C(0xffffff00) * FILE_UNIT)

struct file_entry {
	uint64_t
		hash; /* of the name: all of it, so that a damaged extent can move with its entry */
	uint32_t unit;
	uint32_t sum;
};

static inline uint64_t
file_entry_at(const struct file_entry *e)
{
	return (uint64_t)e->unit * FILE_UNIT;
}

struct file_extent {
	uint64_t magic; /* live or free */
	uint64_t at;    /* where it is */
	uint32_t size;  /* of all of it */
	uint32_t name_len;
	uint32_t len;
	uint32_t reserved;
	uint64_t hash;
	uint64_t next; /* of a free one: the next of its size, or 0 */
	uint64_t unused;
	uint64_t sum; /* of the head, the name and the record */
};

_Static_assert(sizeof(struct file_extent) == 64, "an extent's head");

/* A log, or a hint that there may be one elsewhere. */
struct file_log {
	uint64_t magic;        /* FILE_LOG_MAGIC, FILE_SEE_MAGIC, or 0: none */
	uint64_t stripes;      /* bits of those that it changes */
	uint64_t reserved_too; /* 0, as `reserved` */
	uint32_t home;         /* SEE: the stripe whose log it may be */
	uint32_t reserved;
	uint64_t len; /* of what is logged */
	uint64_t body_sum;
	uint64_t body_at; /* where that is in the stripe */
	uint64_t sum;
};

_Static_assert(sizeof(struct file_log) == 64, "a log's head");

/* In a log: `len` bytes for a place in a stripe follow, and zeros up to a multiple of 8. */
struct file_patch {
	uint32_t stripe;
	uint32_t len;
	uint64_t at;
};

struct file_slot {
	uint64_t magic; /* somebody's, or nobody's */
	struct lk_session_id id;
	uint64_t number; /* of the slot */
	uint32_t who_len;
	uint32_t reserved;
	uint64_t sum;
	char who[FILE_SLOT - 48];
};

_Static_assert(sizeof(struct file_slot) == FILE_SLOT, "a slot");

struct file_hint {
	uint64_t number; /* of the change in its stripe: 1, 2, … */
	uint32_t len;    /* UINT32_MAX: the name was too long */
	uint32_t sum;
	char name[FILE_HINT_NAME];
};

_Static_assert(sizeof(struct file_hint) == FILE_HINT_CELL, "a cell");

/* ------------------------------------------------------------------------- the sums */

uint64_t file_sum(const void *p, size_t len, uint64_t seed);

/* Set the sum of a structure that ends with it, or look whether it is right. */
#define file_seal(p, key)      ((p)->sum = file_sum((p), offsetof(__typeof__(*(p)), sum), (key)))
#define file_is_sealed(p, key) ((p)->sum == file_sum((p), offsetof(__typeof__(*(p)), sum), (key)))

/* As the two above, for those in which more than the sum follows. */
void file_entry_seal(struct file_entry *e, uint64_t index, uint64_t key);
bool file_entry_is_sealed(const struct file_entry *e, uint64_t index, uint64_t key);
void file_extent_seal(struct file_extent *x,
		      uint64_t key); /* name and record follow it in memory */
bool file_extent_is_sealed(const struct file_extent *x, uint64_t at, uint64_t key);
void file_slot_seal(struct file_slot *s, uint64_t key);
bool file_slot_is_sealed(const struct file_slot *s, uint64_t number, uint64_t key);
void file_hint_seal(struct file_hint *h, uint32_t stripe, uint64_t key);
bool file_hint_is_sealed(const struct file_hint *h, uint32_t stripe, uint64_t key);

/* -------------------------------------------------------------------------- extents */

/* Where the record begins in an extent. */
static inline size_t
file_record_at(size_t name_len)
{
	return sizeof(struct file_extent) + ((name_len + 7) & ~(size_t)7);
}

static inline size_t
file_extent_used(const struct file_extent *x)
{
	return file_record_at(x->name_len) + x->len;
}

/* Files have room up to here, if the last extent ends at `end`: they grow by steps. */
static inline uint64_t
file_reserved(uint64_t end)
{
	return (end / FILE_STEP + 1) * FILE_STEP;
}

/* The number of the smallest size that has room for `need` bytes. */
unsigned file_class_of(size_t need);

static inline uint32_t
file_class_size(unsigned class)
{
	return (uint32_t)FILE_UNIT << class;
}

/* Where extents begin behind so many entries. */
static inline uint64_t
file_extents_at(uint64_t n_entries)
{
	return FILE_PAGE + n_entries * sizeof(struct file_entry);
}

#endif /* LK_ADAPTERS_FILE_FORMAT_H */
