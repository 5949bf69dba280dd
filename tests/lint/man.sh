#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The manual pages format without a warning, and each page that they name in their SEE ALSO
# exists, if it is one of ours.
set -u
cd "$(dirname "$0")/../.." || exit 2
failed=0
shopt -s nullglob

for page in docs/man/*.[1-9]; do
	grep -q '^\.so ' "$page" && continue
	said=$(MANROFFSEQ='' LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
	[ -z "$said" ] || { printf '%s\n' "$said" && failed=1; }
	while read -r name section; do
		if [ ! -e "docs/man/$name.$section" ]; then
			echo "$page: $name($section) does not exist"
			failed=1
		fi
	done < <(sed -n 's/^\.Xr \(\(lk_\|latchkey\)[a-z_]*\) \([0-9]\).*/\1 \3/p' "$page")
done
exit $failed
