/* SPDX-License-Identifier: MIT */
/* What the system tells about itself, and the compiler about its work. */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "machine.h"

#ifndef BENCH_FLAGS
#define BENCH_FLAGS "flags not known"
#endif

/* What stands behind the colon in the first line of a file in /proc that begins with `key`; or "". */
static void
read_key(const char *path, const char *key, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");
	char line[4096];

	out[0] = '\0';
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, key, strlen(key)) != 0 || colon == NULL)
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		snprintf(out, cap, "%.*s", (int)strcspn(colon, "\n"), colon);
		break;
	}
	if (f != NULL)
		fclose(f);
}

static void
read_line(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");

	out[0] = '\0';
	if (f != NULL && fgets(out, (int)cap, f) != NULL)
		out[strcspn(out, "\n")] = '\0';
	if (f != NULL)
		fclose(f);
}

static bool
has_hypervisor(void)
{
	char flags[4096];

	read_key("/proc/cpuinfo", "flags", flags, sizeof(flags));
	return strstr(flags, " hypervisor") != NULL;
}

void
machine_look(struct machine *m)
{
	struct utsname system = { 0 };

	memset(m, 0, sizeof(*m));
	read_key("/proc/cpuinfo", "model name", m->cpu, sizeof(m->cpu));
	if (m->cpu[0] == '\0')
		snprintf(m->cpu, sizeof(m->cpu), "unknown processor");
	read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", m->governor,
		  sizeof(m->governor));
	uname(&system);
	snprintf(m->arch, sizeof(m->arch), "%s", system.machine);
	snprintf(m->system, sizeof(m->system), "%s", system.sysname);
	snprintf(m->kernel, sizeof(m->kernel), "%s", system.release);
	m->is_virtual = has_hypervisor();
	m->n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	m->memory_bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
	m->cache_bytes[1] = sysconf(_SC_LEVEL1_DCACHE_SIZE);
	m->cache_bytes[2] = sysconf(_SC_LEVEL2_CACHE_SIZE);
	m->cache_bytes[3] = sysconf(_SC_LEVEL3_CACHE_SIZE);
}

double
machine_available(void)
{
	char text[64];
	double kilobytes = 0;

	read_key("/proc/meminfo", "MemAvailable", text, sizeof(text));
	if (sscanf(text, "%lf", &kilobytes) != 1)
		return 0;
	return kilobytes * 1024;
}

double
machine_stolen_ns(void)
{
	FILE *f = fopen("/proc/stat", "r");
	long ticks = 0;

	if (f == NULL || fscanf(f, "cpu %*s %*s %*s %*s %*s %*s %*s %ld", &ticks) != 1)
		ticks = 0;
	if (f != NULL)
		fclose(f);
	return (double)ticks * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

const char *
machine_compiler(void)
{
#if defined(__clang__)
	return "clang " __clang_version__;
#else
	return "gcc " __VERSION__;
#endif
}

const char *
machine_flags(void)
{
	return BENCH_FLAGS;
}

bool
machine_is_sanitized(void)
{
#ifdef LK_SANITIZE
	return true;
#else
	return false;
#endif
}
