#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The programs of examples/txnkv under test: commands and options, right and wrong; that the checker finds nothing
# with locks, and something each time without those of readers; that what was committed survives kill -9.
# Ends with `N passed, N failed`.
set -u

usage() {
	cat <<'END'
usage: tests/txnkv/run.sh [--build DIR] [--rounds N]
  --build DIR   where the build is (build)
  --rounds N    transactions of each thread of txnkv-check (1000)
Exit status: 0 all passed, 1 not, 2 usage.
END
}

build=build
rounds=1000
while [ $# -gt 0 ]; do
	case $1 in
	--build | --rounds)
		[ $# -ge 2 ] || { usage >&2 && exit 2; }
		[ "$1" = --build ] && build=$2 || rounds=$2
		shift
		;;
	-h | --help) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done

cd "$(dirname "$0")/../.." || exit 2
export LC_ALL=C
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
db=$tmp/db

# The thread sanitizer of gcc 12 does not start when addresses are too random.
unrandom=()
setarch -R true 2>/dev/null && unrandom=(setarch -R)
txnkv() { "${unrandom[@]}" "$build/examples/txnkv" "$@"; }
check() { "${unrandom[@]}" "$build/examples/txnkv-check" "$@"; }
bench() { "${unrandom[@]}" "$build/examples/txnkv-bench" "$@"; }

passed=0
failed=0
try() { # try NAME: the function of that name, counted; what was said matters only if it failed
	if "$1" >"$tmp/said" 2>&1; then
		passed=$((passed + 1))
		echo "ok      ${1//_/ }"
	else
		failed=$((failed + 1))
		echo "FAILED  ${1//_/ }"
		sed 's/^/    /' "$tmp/said"
	fi
}

# ends_with STATUS COMMAND...
ends_with() {
	local status=$1
	shift
	"$@"
	[ $? -eq "$status" ]
}

# A script on standard input, and what it must answer.
answers() { # answers EXPECTED ARGUMENT... <SCRIPT
	local expected=$1
	shift
	diff <(printf "$expected") <(txnkv "$@" 2>&1)
}

a_file_keeps_what_was_committed() {
	answers '' "$db" <<-END &&
		put towns bern 134000
		put towns "la chaux-de-fonds" 37000
		begin
		put towns chur 0
		abort
		begin
		put towns thun 43000
		savepoint a
		delete towns bern
		rollback a
		commit
	END
		answers 'bern 134000\n"la chaux-de-fonds" 37000\nthun 43000\n' "$db" <<<'scan towns'
}

# The first answer says that the command before it was carried out.
a_file_survives_kill_9() {
	local pid line

	coproc STORE { exec "${unrandom[@]}" "$build/examples/txnkv" "$db"; }
	pid=$STORE_PID
	printf '%s\n' 'put t kept 1' begin 'put t lost 1' 'get t kept' >&"${STORE[1]}"
	read -r line <&"${STORE[0]}" && [ "$line" = 1 ] || return
	kill -9 "$pid" && wait "$pid"
	answers 'kept 1\n' "$db" <<<'scan t'
} 2>/dev/null

# As long as one has it open, another has not.
a_file_is_open_once() {
	local line pid

	coproc STORE { exec "${unrandom[@]}" "$build/examples/txnkv" "$db"; }
	pid=$STORE_PID
	printf '%s\n' 'put t a 1' 'get t a' >&"${STORE[1]}"
	read -r line <&"${STORE[0]}" || return
	answers "txnkv: $db: somebody else has the file open\n" "$db" <<<'get t a' || return
	ends_with 1 txnkv "$db" <<<'get t a' || return
	printf 'quit\n' >&"${STORE[1]}"
	wait "$pid"
} 2>/dev/null

wrong_commands_are_named() {
	answers 'error: line 2: there is no command frobnicate: try help\nno such row\n' <<-END &&

		frobnicate
		get t k
	END
		ends_with 1 txnkv <<<'frobnicate' && ends_with 0 txnkv <<<'get t k'
}

wrong_options_are_refused() {
	ends_with 2 txnkv --nonsense </dev/null && ends_with 2 txnkv a b </dev/null &&
		ends_with 2 txnkv --sync perhaps </dev/null && ends_with 2 txnkv --timeout 0 </dev/null &&
		ends_with 2 check --threads 0 && ends_with 2 check --accounts 2 &&
		ends_with 2 check more && ends_with 2 bench --ms x && ends_with 2 bench more &&
		txnkv --help && check --help && bench --help
}

files_that_are_none_are_refused() {
	printf 'not a database, but more than nothing' >"$tmp/text"
	answers "txnkv: $tmp/text: the file is there, but is not one of txnkv's\n" "$tmp/text" </dev/null &&
		answers "txnkv: $tmp/no/db: the file cannot be opened or made\n" "$tmp/no/db" </dev/null &&
		ends_with 3 check --judge "$tmp/no/log" && ends_with 3 check --judge "$tmp/text" &&
		ends_with 3 check --rounds 1 --file "$tmp/no/db" && ends_with 1 bench --ms 1 --file "$tmp/no/db"
}

an_output_that_is_full_is_said() {
	[ ! -w /dev/full ] || { ends_with 1 txnkv <<<help >/dev/full &&
		ends_with 1 txnkv --log /dev/full <<<'put t k 1'; }
}

# By hand what the schedules of the checker do: two see the same and both write.
histories_can_be_written_and_judged() {
	local script='put t x 0
		1: begin
		2: begin
		1: get t x
		2: get t x
		1: put t x 1
		1: commit
		2: put t x 2
		2: commit'

	txnkv --timeout 1 --log "$tmp/log" <<<"$script"
	ends_with 0 check --judge "$tmp/log" || return
	txnkv --break --log "$tmp/log" <<<"$script" || return
	check --judge "$tmp/log" >"$tmp/verdict"
	[ $? -eq 1 ] && grep -q 'not serializable: 2 transactions' "$tmp/verdict"
}

with_locks_nothing_is_wrong() {
	check --rounds "$rounds" && check --rounds "$rounds" --seed 2 --threads 8 --accounts 4
}

with_escalation_nothing_is_wrong() {
	check --rounds "$rounds" --accounts 40 --escalate 16
}

in_a_file_nothing_is_wrong() {
	check --rounds $((rounds / 5)) --file "$tmp/bank" --sync off --log "$tmp/log" && check --judge "$tmp/log" &&
		check --rounds 20 --file "$tmp/bank" --sync full
}

with_table_mutexes_nothing_is_wrong() {
	check --rounds "$rounds" --tables
}

# Every schedule, each time; chance does what it likes.
without_locks_of_readers_it_is_seen() {
	ends_with 1 check --break --rounds 1 >"$tmp/broken" || return
	cat "$tmp/broken"
	! grep -q 'NOT MADE' "$tmp/broken" && [ "$(grep -c '^VIOLATED ' "$tmp/broken")" -ge 10 ]
}

the_benchmark_measures() {
	local lines

	bench --ms 2 --keys 100 >"$tmp/table" && cat "$tmp/table" && lines=$(wc -l <"$tmp/table") &&
		[ "$lines" -eq 17 ] && bench --ms 2 --keys 100 --ordered --think 10 --file "$tmp/bench" --sync off &&
		[ ! -e "$tmp/bench" ]
}

try a_file_keeps_what_was_committed
rm -f "$db"*
try a_file_survives_kill_9
try a_file_is_open_once
try wrong_commands_are_named
try wrong_options_are_refused
try files_that_are_none_are_refused
try an_output_that_is_full_is_said
try histories_can_be_written_and_judged
try with_locks_nothing_is_wrong
try with_escalation_nothing_is_wrong
try in_a_file_nothing_is_wrong
try with_table_mutexes_nothing_is_wrong
try without_locks_of_readers_it_is_seen
try the_benchmark_measures

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
