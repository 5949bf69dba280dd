#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the examples in other languages against the built command line.  Ends with `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit 2
program=$PWD/build/latchkey
passed=0
failed=0

try() { # try WHAT COMMAND...: what is not there is skipped, and said
	local said
	if ! command -v "$2" >/dev/null 2>&1; then
		echo "skipped: $1 (there is no $2)"
	elif said=$(timeout 600 "${@:2}" 2>&1); then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED %s\n%s\n' "$1" "$said"
	fi
}

try examples/stdio.py python3 examples/stdio.py "$program"
try examples/node-stdio.js node examples/node-stdio.js "$program"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
