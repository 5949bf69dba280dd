/* SPDX-License-Identifier: MIT */
/*
 * A folder of a store that is not as it was left: any bytes at any place of its files, files that are cut off, and logs
 * that are as valid as one likes but for what they say.
 *
 * The input is steps: a byte that says what, and where; two for the place; one for how many bytes follow.  Whatever they
 * are, the store is refused or opens, and no call fails but with a code; and unless a valid log says so, no record is
 * gone or another one: it is what it was, or damaged.  (SF2, SF4)
 *
 * The fuzzer sees what is compared with a sum, and might guess one: so what seems wrong is tried once more in a store with
 * another key.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/format.h"
#include "file/store.h"

#include "fuzz.h"

enum { FILES = 6, SIZE_MOST = 1 << 17, RECORDS = 8, STEP = 4, LOGS = 3 };

static const char *const files[FILES] = { "s00", "s01", "durable", "sessions", "hints", "space" };
static const uint32_t stripes[LOGS] = { 0, 1, FILE_DURABLE };

static struct {
	char folder[64];
	char url[96];
	uint64_t key;
	struct {
		size_t size;
		unsigned char bytes[SIZE_MOST];
	} file[FILES];
} image;

/* ------------------------------------------------------------------------- records */

static uint32_t
flags_of(unsigned i)
{
	return i % 4 == 3 ? LK_STORE_DURABLE : 0;
}

static size_t
fill(unsigned i, unsigned char bytes[512])
{
	const size_t len = 1 + i * 60;

	memset(bytes, (int)('a' + i), len);
	return len;
}

static int
take(void *arg, struct lk_store_record *r, size_t n)
{
	struct lk_store_record *out = arg;

	(void)n;
	r->fresh = out->fresh;
	r->fresh_len = out->fresh_len;
	r->changed = 1;
	return 0;
}

static int
put(struct lk_store *s, unsigned i, uint32_t flags)
{
	unsigned char bytes[512], name[1] = { (unsigned char)('A' + i) };
	struct lk_store_record r = { .name = name, .len = 1, .flags = flags_of(i) | flags };
	struct lk_store_record to = { .fresh = bytes, .fresh_len = fill(i, bytes) };

	return s->ops->update(s, &r, 1, take, &to, UINT64_MAX);
}

static int
compare(void *arg, struct lk_store_record *r, size_t n)
{
	unsigned char bytes[512];
	const unsigned i = *(const unsigned *)arg;
	const size_t len = fill(i, bytes);

	(void)n;
	if (r->status == 0 && (r->old_len != len || memcmp(r->old, bytes, len) != 0))
		return LK_E_STALE; /* no store says that */
	return 0;
}

static int
get(struct lk_store *s, unsigned i)
{
	unsigned char name[1] = { (unsigned char)('A' + i) };
	struct lk_store_record r = { .name = name, .len = 1, .flags = flags_of(i) };

	return s->ops->read(s, &r, 1, compare, &i, UINT64_MAX);
}

/* ----------------------------------------------------------------- a store, and again */

static void
path_of(const char *file, char path[128])
{
	(void)snprintf(path, 128, "%s/%s", image.folder, file);
}

static void
empty_folder(void)
{
	DIR *d = opendir(image.folder);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
}

static void
remove_all(void)
{
	empty_folder();
	(void)rmdir(image.folder);
}

static void
read_file(unsigned f)
{
	char path[128];
	int fd;

	path_of(files[f], path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	image.file[f].size = (size_t)read(fd, image.file[f].bytes, SIZE_MOST);
	must(image.file[f].size < SIZE_MOST);
	(void)close(fd);
}

/* With a new key each time. */
static void
make_image(void)
{
	struct lk_store *s;

	if (image.url[0] == '\0') {
		(void)snprintf(image.folder, sizeof(image.folder), "%s/latchkey-fuzz-%d",
			       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
		(void)snprintf(image.url, sizeof(image.url), "file:%s?stripes=2", image.folder);
		(void)atexit(remove_all);
	}
	empty_folder();
	must(lk_store_open(image.url, NULL, &s) == 0);
	for (unsigned i = 0; i < RECORDS; i++)
		must(put(s, i, 0) == 0);
	image.key = file_store_of(s)->key;
	lk_store_close(s);
	for (unsigned f = 0; f < FILES; f++)
		read_file(f);
}

static void
restore(void)
{
	char path[128];

	empty_folder();
	for (unsigned f = 0; f < FILES; f++) {
		int fd;

		path_of(files[f], path);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		must(fd >= 0);
		must(write(fd, image.file[f].bytes, image.file[f].size) ==
		     (ssize_t)image.file[f].size);
		(void)close(fd);
	}
}

/* --------------------------------------------------------------------------- steps */

static void
write_at(unsigned f, const void *bytes, size_t n, uint64_t at)
{
	char path[128];
	int fd;

	path_of(files[f], path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!pwrite(fd, bytes, n, (off_t)at);
	(void)close(fd);
}

/* A log of any content, whose sums are right. */
static void
put_log(unsigned f, unsigned which, const uint8_t *body, size_t n)
{
	struct {
		struct file_log head;
		unsigned char body[256];
	} page;
	uint64_t named = 0;

	for (unsigned i = 0; i < LOGS; i++)
		named |= (which >> i & 1) != 0 ? file_bit(stripes[i]) : 0;
	page.head = (struct file_log){ .magic = (which & 8) != 0 ? FILE_SEE_MAGIC : FILE_LOG_MAGIC,
				       .stripes = named,
				       .home = stripes[f],
				       .len = n,
				       .body_sum = file_sum(body, n, image.key),
				       .body_at = FILE_LOG_AT + sizeof(page.head) };
	file_seal(&page.head, image.key);
	memcpy(page.body, body, n);
	write_at(f, &page, sizeof(page.head) + n, FILE_LOG_AT);
}

/* … and one patch that makes sense, of bytes for some place. */
static void
put_patch(unsigned f, unsigned at, const uint8_t *bytes, size_t n)
{
	unsigned char body[sizeof(struct file_patch) + 200] = { 0 };
	const struct file_patch p = { stripes[f], (uint32_t)n, (uint64_t)at * 8 };

	if (n > 200)
		n = 200;
	memcpy(body, &p, sizeof(p));
	memcpy(body + sizeof(p), bytes, n);
	put_log(f, 1u << f, body, sizeof(p) + ((n + 7) & ~(size_t)7));
}

/* True: it was one that may change what the records are. */
static bool
step(const uint8_t *b, const uint8_t *bytes, size_t n)
{
	const unsigned f = b[0] / 4 % 8 % FILES;
	const unsigned at = (unsigned)(b[1] | b[2] << 8);
	char path[128];

	switch (b[0] % 4) {
	case 0:
		write_at(f, bytes, n, at);
		return false;
	case 1:
		path_of(files[f], path);
		(void)!truncate(path, at);
		return false;
	case 2:
		put_log(f % LOGS, at, bytes, n);
		return true;
	default:
		put_patch(f % LOGS, at, bytes, n);
		return true;
	}
}

static bool
steps(const uint8_t *b, size_t n)
{
	bool may_change = false;

	while (n >= STEP) {
		const size_t len = b[3] < n - STEP ? b[3] : n - STEP;

		may_change |= step(b, b + STEP, len);
		b += STEP + len;
		n -= STEP + len;
	}
	return may_change;
}

/* ---------------------------------------------------------------------------- looks */

static bool
is_failure(int rc)
{
	return rc == LK_E_CORRUPT || rc == LK_E_STORE || rc == LK_E_VERSION || rc == LK_E_LOST ||
	       rc == LK_E_UNKNOWN || rc == LK_E_LIMIT || rc == LK_E_NOMEM || rc == LK_E_INVAL;
}

static int
count(void *arg, const struct lk_store_record *r)
{
	must(r->status == 0 || r->status == LK_E_CORRUPT);
	must(r->status != 0 || (r->name != NULL && r->old != NULL && r->old_len > 0));
	return ++*(unsigned *)arg > 10000 ? LK_E_BUSY : 0;
}

/* All calls have an end and a code; false: a record is gone, or another one. */
static bool
look(struct lk_store *s)
{
	const struct lk_session_id id = { { 1 } };
	unsigned char alive = 0;
	bool are_there = true;
	unsigned n = 0;
	int rc;

	for (unsigned i = 0; i < RECORDS; i++) {
		rc = get(s, i);
		must(rc == 0 || rc == LK_E_STALE || is_failure(rc));
		are_there &= rc != LK_E_STALE;
	}
	rc = s->ops->scan(s, "", 0, count, &n, UINT64_MAX);
	must(rc == 0 || rc == LK_E_BUSY || is_failure(rc));
	for (unsigned i = 0; i < RECORDS; i++) {
		rc = put(s, i, LK_STORE_REPAIR);
		must(rc == 0 || is_failure(rc));
		must(rc != 0 || get(s, i) != LK_E_STALE);
	}
	rc = s->ops->session_open(s, &id, 1000000000, "fuzz", UINT64_MAX);
	must(rc == 0 || is_failure(rc));
	rc = s->ops->session_alive(s, &id, 1, &alive, UINT64_MAX);
	must(rc == 0 || is_failure(rc));
	return are_there;
}

/* False: something is wrong with what is there then. */
static bool
play(const uint8_t *b, size_t n, bool is_open)
{
	struct lk_store *s = NULL;
	bool may_change, are_there;
	char report[256];
	struct lk_store_open o = { .size = sizeof(o),
				   .report = report,
				   .report_cap = sizeof(report) };
	int rc = 0;

	restore();
	if (is_open)
		must(lk_store_open(image.url, NULL, &s) == 0);
	may_change = steps(b, n);
	if (!is_open)
		rc = lk_store_open(image.url, &o, &s);
	if (rc != 0) {
		must(is_failure(rc) && report[0] != '\0');
		return true;
	}
	are_there = look(s);
	lk_store_close(s);
	return are_there || may_change;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n < 1)
		return 0;
	if (image.url[0] == '\0')
		make_image();
	if (play(bytes + 1, n - 1, bytes[0] % 2 != 0))
		return 0;
	make_image();
	must(play(bytes + 1, n - 1, bytes[0] % 2 != 0));
	return 0;
}
