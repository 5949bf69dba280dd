#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the contestants in bench/peers need, from the lines in their own comments:
#
#	 * Needs: PACKAGE <HEADER> [-lLIBRARY… | pkg-config:MODULE | -Dflag…]…
#	 * Needs node: PACKAGE@VERSION…       of npm, in build/bench-node
#	 * Not under: SANITIZER…
#
# usage: bench/peers.sh make [SANITIZERS]   what can be built here, as variables of make:
#                                           BENCH_PEERS, BENCH_PEERS_LIBS and PEER_FLAGS_<file>
#        bench/peers.sh missing             the Debian packages whose header is not here
#        bench/peers.sh npm                 the packages of npm that are not in build/bench-node
# CC and CXX are the compilers (gcc, g++).
set -u
cd "$(dirname "$0")/.." || exit 2
shopt -s nullglob

has_header() {
	printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$1" |
		"${CC:-gcc}" -E -o /dev/null - 2>/dev/null
}

needs() { sed -n 's/^[ /]*\*\{0,1\} *Needs: *//p' "$1"; }

needs_node() { sed -n 's/^[ /]*\*\{0,1\} *Needs node: *//p' "$1"; }

has_node_package() { # has_node_package PACKAGE@VERSION
	command -v node >/dev/null && [ -d "build/bench-node/node_modules/${1%@*}" ]
}

# Is a sanitizer in use that the file is not for?
is_unfit() { # is_unfit FILE SANITIZERS
	local name
	# shellcheck disable=SC2013 # words
	for name in $(sed -n 's/^[ /]*\*\{0,1\} *Not under: *//p' "$1"); do
		[[ ,$2, != *,$name,* ]] || return 0
	done
	return 1
}

peers_for_make() {
	local file package header rest word flags fit built=() libs=()
	for file in bench/peers/*.c bench/peers/*.cc; do
		is_unfit "$file" "$1" && continue
		[[ $file == *.c ]] || command -v "${CXX:-g++}" >/dev/null || continue
		fit=yes
		flags=()
		local mine=()
		while read -r package header rest; do
			header=${header#<}
			has_header "${header%>}" || fit=
			for word in $rest; do
				case $word in
				pkg-config:*)
					# shellcheck disable=SC2207 # words without blanks
					mine+=($(pkg-config --libs "${word#*:}" 2>/dev/null)) || fit=
					# shellcheck disable=SC2207
					flags+=($(pkg-config --cflags "${word#*:}" 2>/dev/null))
					;;
				-l* | -L* | -Wl*) mine+=("$word") ;;
				*) flags+=("$word") ;;
				esac
			done
		done < <(needs "$file")
		# shellcheck disable=SC2013 # words
		for word in $(needs_node "$file"); do
			has_node_package "$word" || fit=
		done
		[ -z "$(needs_node "$file")" ] || flags+=("-DBENCH_FOLDER='\"$PWD\"'")
		[ -n "$fit" ] || continue
		built+=("$file")
		libs+=("${mine[@]}")
		echo "PEER_FLAGS_$(basename "$file") := ${flags[*]}"
	done
	echo "BENCH_PEERS := ${built[*]}"
	echo "BENCH_PEERS_LIBS := ${libs[*]}"
}

missing_npm() {
	local file word
	for file in bench/peers/*.c; do
		# shellcheck disable=SC2013 # words
		for word in $(needs_node "$file"); do
			has_node_package "$word" || echo "$word"
		done
	done | sort -u
}

missing() {
	local package header rest
	for file in bench/peers/*.c bench/peers/*.cc; do
		if [ -n "$(needs_node "$file")" ]; then
			command -v node >/dev/null || echo nodejs
			command -v npm >/dev/null || echo npm
		fi
		while read -r package header rest; do
			header=${header#<}
			has_header "${header%>}" || echo "$package"
		done < <(needs "$file")
	done | sort -u
}

case ${1:-} in
make) peers_for_make "${2:-}" ;;
missing) missing ;;
npm) missing_npm ;;
*)
	sed -n 's/^# //p' "$0" | sed -n '/^usage/,$p' >&2
	exit 2
	;;
esac
