#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every public header stands alone as strict C11 and as C++, every internal one as our C.
set -u
cd "$(dirname "$0")/../.." || exit 2
failed=0

try() { # try HEADER COMPILER...: includes it twice and alone
	local header=$1
	shift
	if ! printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
		"$@" -Wall -Wextra -Werror -fsyntax-only -Iinclude -; then
		echo "$header: does not compile alone with $*"
		failed=1
	fi
}

for h in include/latchkey.h include/latchkey/*.h; do
	try "$PWD/$h" gcc -x c -std=c11 -Wpedantic
	try "$PWD/$h" g++ -x c++ -std=c++11 -Wpedantic
	if command -v clang >/dev/null; then
		try "$PWD/$h" clang -x c -std=c11 -Wpedantic
		try "$PWD/$h" clang -x c++ -std=c++11 -Wpedantic
	fi
done
for h in src/*/*.h; do
	[ -e "$h" ] && try "${h#src/}" gcc -x c -std=gnu11 -Isrc
done
for h in adapters/*/*.h; do
	[ -e "$h" ] && try "${h#adapters/}" gcc -x c -std=gnu11 -Iadapters
done
exit $failed
