/* SPDX-License-Identifier: MIT */
/* Boot, clock, file systems. */
#define _GNU_SOURCE
#include "common/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "01234567-89ab-…": 32 digits, some with lines between. */
static void
parse_boot(const char *text, size_t n, unsigned char boot[16])
{
	unsigned digits = 0;

	for (size_t i = 0; i < n && digits < 32; i++) {
		const int digit = hex_digit(text[i]);

		if (digit < 0)
			continue;
		boot[digits / 2] = (unsigned char)(boot[digits / 2] << 4 | digit);
		digits++;
	}
}

void
host_boot(unsigned char boot[16])
{
	char text[64];
	ssize_t n = -1;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, 16);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		(void)close(fd);
	}
	if (n > 0)
		parse_boot(text, (size_t)n, boot);
}

uint64_t
host_now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_BOOTTIME, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
host_clock_id(void)
{
	struct {
		unsigned char boot[16];
		uint64_t time_namespace;
	} clock = { .time_namespace = 0 };
	struct stat is;

	host_boot(clock.boot);
	if (stat("/proc/self/ns/time", &is) == 0)
		clock.time_namespace = is.st_ino;
	return XXH3_64bits(&clock, sizeof(clock)) | 1;
}

/* ------------------------------------------------------------------- file systems */

/* statfs(2), linux/magic.h, and the sources of those that are in neither. */
static const struct {
	uint32_t magic;
	bool is_local;
	const char *name;
} kinds[] = {
	{ 0xef53, true, "ext" },          { 0x58465342, true, "XFS" },
	{ 0x9123683e, true, "btrfs" },    { 0x01021994, true, "tmpfs" },
	{ 0x858458f6, true, "ramfs" },    { 0xf2f52010, true, "F2FS" },
	{ 0x2fc12fc1, true, "ZFS" },      { 0x794c7630, true, "overlayfs" },
	{ 0xca451a4e, true, "bcachefs" }, { 0x3153464a, true, "JFS" },
	{ 0x52654973, true, "ReiserFS" }, { 0x3434, true, "NILFS" },
	{ 0x6969, false, "NFS" },         { 0x517b, false, "SMB" },
	{ 0xff534d42, false, "CIFS" },    { 0xfe534d42, false, "SMB2" },
	{ 0x65735546, false, "FUSE" },    { 0x01021997, false, "9P" },
	{ 0x00c36400, false, "Ceph" },    { 0x5346414f, false, "AFS" },
	{ 0x6b414653, false, "AFS" },     { 0x73757245, false, "Coda" },
	{ 0x564c, false, "NCP" },         { 0x01161970, false, "GFS2" },
	{ 0x7461636f, false, "OCFS2" },   { 0x0bd00bd0, false, "Lustre" },
	{ 0x47504653, false, "GPFS" },    { 0x19830326, false, "BeeGFS" },
	{ 0xaad7aaea, false, "PanFS" },   { 0x20030528, false, "OrangeFS" },
	{ 0x786f4256, false, "vboxsf" },  { 0xbacbacbc, false, "vmhgfs" },
	{ 0xbeefdead, false, "SNFS" },
};

const char *
host_objection(int dir, bool any, bool *is_volatile, int *error)
{
	struct statfs fs;
	uint32_t magic;

	*error = fstatfs(dir, &fs) == 0 ? 0 : errno;
	if (*error != 0)
		return "its file system cannot be asked what it is";
	magic = (uint32_t)fs.f_type;
	*is_volatile = magic == 0x01021994 || magic == 0x858458f6;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].magic == magic)
			return kinds[i].is_local ? NULL : kinds[i].name;
	}
	return any ? NULL : "not known (any_fs=1 takes it for a local one)";
}
