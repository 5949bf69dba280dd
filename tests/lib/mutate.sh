# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# One thing done wrong, as text: `NAME: value` lines, and hunks of old text and new.  Sourced by what runs them.

# field NAME FILE: a line of its head
field() { sed -n "s/^$1: //p" "$2"; }

# Whole text of a hunk: number $2 of kind $3 (old, new) in file $1, and an x so that newlines stay.
hunk() {
	awk -v want="$2" -v kind="$3" '
		/^--- old$/ { n++; in_old = 1; in_new = 0; next }
		/^--- new$/ { in_old = 0; in_new = 1; next }
		/^--- end$/ { in_old = in_new = 0; next }
		n == want && ((kind == "old" && in_old) || (kind == "new" && in_new))' "$1"
	echo x
}

# mutate FILE.mut SOURCE: the mutated text on stdout.  Each old text must be there exactly once.
mutate() {
	local mut=$1 text old new left n i
	text=$(cat "$2" && echo x)
	text=${text%x}
	n=$(grep -c '^--- old$' "$mut")
	for ((i = 1; i <= n; i++)); do
		old=$(hunk "$mut" $i old)
		old=${old%x}
		old=${old%$'\n'}
		new=$(hunk "$mut" $i new)
		new=${new%x}
		new=${new%$'\n'}
		left=${text//"$old"/}
		if [ -z "$old" ] || [ $((${#text} - ${#left})) -ne ${#old} ]; then
			echo "$mut: the text of hunk $i is not there exactly once" >&2
			return 1
		fi
		text=${text/"$old"/"$new"}
	done
	printf '%s' "$text"
}
