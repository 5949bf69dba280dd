#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The static library defines no global name but the public ones.
#
# usage: tests/lint/archive.sh ARCHIVE
set -eu
cd "$(dirname "$0")/../.."
names=$(nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }')
if diff <(sed 's/@.*//' tests/abi/symbols.txt | LC_ALL=C sort) <(LC_ALL=C sort <<<"$names"); then
	exit 0
fi
echo "$1: the global names above are not those of tests/abi/symbols.txt"
exit 1
