#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs into an empty folder, builds programs against what is there by pkg-config, shared
# and static, in C and C++, runs them, uninstalls, and looks whether anything is left.
# Ends with `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit 2
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
prefix=/usr/local
there=$stage$prefix
passed=0
failed=0

try() { # try WHAT COMMAND...
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED %s: %s\n%s\n' "$what" "$*" "$said"
	fi
}

flags() { # the .pc file says where it will be, not where the stage is
	PKG_CONFIG_PATH=$there/lib/pkgconfig pkg-config --define-variable=prefix="$there" "$@" latchkey
}

cat >"$stage/user.c" <<'PROGRAM'
#include <latchkey.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct lk_manager *m;
	lk_grant g;

	if (lk_open(NULL, NULL, &m) != 0)
		return 1;
	if (lk_acquire(lk_self(m), "door", LK_EXCLUSIVE, NULL, &g) != 0)
		return 2;
	if (lk_holds(lk_self(m), "door", 4) != LK_X || lk_release(lk_self(m), g) != 0)
		return 3;
	if (lk_close(m) != 0)
		return 4;
	return strcmp(lk_version(), LATCHKEY_VERSION) != 0;
}
PROGRAM

make_at() { make --no-print-directory -s "$1" DESTDIR="$stage" PREFIX=$prefix; }
is_loaded() { ldd "$1" | grep -q 'liblatchkey\.so\.0 =>.*/liblatchkey'; }
nothing_left() {
	local left
	left=$(find "$there" ! -type d)
	[ -z "$left" ] || { echo "left: $left" && return 1; }
	[ ! -d "$there/include/latchkey" ]
}

try install make_at install
try 'version' [ "$(flags --modversion)" = \
	"$(sed -n 's/^#define LATCHKEY_VERSION  *"\(.*\)"/\1/p' include/latchkey.h)" ]
export LD_LIBRARY_PATH=$there/lib
strict="-Wall -Wextra -Werror"
# shellcheck disable=SC2046,SC2086
{
	try 'shared, built' gcc $strict -o "$stage/shared" "$stage/user.c" $(flags --cflags --libs)
	try 'static, built' gcc $strict -o "$stage/static" "$stage/user.c" \
		$(flags --static --cflags --libs | sed 's/-llatchkey/-l:liblatchkey.a/')
	try 'C++, built' g++ $strict -x c++ -o "$stage/cpp" "$stage/user.c" -x none \
		$(flags --cflags --libs)
}
try 'shared, uses the library' is_loaded "$stage/shared"
try 'shared, run' "$stage/shared"
try 'C++, run' "$stage/cpp"
unset LD_LIBRARY_PATH
try 'static, run' "$stage/static"
try 'command line, run' "$there/bin/latchkey" run a --store "file:$stage/locks" -- true
try 'command line, its page' man -M "$there/share/man" 1 latchkey
if [ -e "$there/lib/liblatchkey-sqlite.so.0" ]; then # it is found without the system's help
	try 'command line, a store that is loaded' \
		"$there/bin/latchkey" run a --store "sqlite:$stage/locks.db" -- true
fi
try 'a store, checked' "$there/bin/latchkey-store-check" -c 'modes against each other' test:installed
try 'its page' man -M "$there/share/man" latchkey-store-check
try 'a page of the manual' man -M "$there/share/man" lk_try_acquire
try uninstall make_at uninstall
try 'nothing is left' nothing_left

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
