#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library alone needs liburcu and the C library to run, and is built where there is no SQLite and no
# hiredis: then nothing of their stores is.
#
# usage: tests/lint/needs.sh LIBRARY
set -eu
cd "$(dirname "$0")/../.."
failed=0
other=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -vE '^(liburcu-(bp|common)\.so\.[0-9]+|libc\.so\.6|ld-linux.*)$' || true)
if [ -n "$other" ]; then
	echo "$1 needs more than liburcu and the C library: $other"
	failed=1
fi
# What would be compiled and linked, and not the lists of objects that stamps are made of.
rules=$(make --no-print-directory -n -B SQLITE_LIBS= REDIS_LIBS= all |
	sed -e ':a' -e '/\\$/ { N; s/\\\n//; ba' -e '}' |
	grep -E '(^|[ ;@])[^ ]*(cc|gcc|clang)[^ ]* .* -o ')
if grep -qE ' -o [^ ]*(sqlite|redis)|-l(sqlite3|hiredis|ssl)' <<<"$rules"; then
	echo "without SQLite and hiredis their stores would be built all the same:"
	grep -oE ' -o [^ ]*(sqlite|redis)[^ ]*|-l(sqlite3|hiredis|ssl)' <<<"$rules" | sort -u
	failed=1
fi
grep -q ' -o [^ ]*liblatchkey\.so\.' <<<"$rules" || { echo "without them there is no library" && failed=1; }
exit $failed
