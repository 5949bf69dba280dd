#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# examples/respd under test: what redis-cli gets, what the protocol bears, that concurrent clients see
# nothing lost or torn, and that without locks the same checker does see it.
# Ends with `N passed, N failed`.
set -u

usage() {
	cat <<'END'
usage: tests/respd/run.sh [--build DIR] [--rounds N] [--sanitized]
  --build DIR   where the build is (build)
  --rounds N    rounds of respd-check (500)
  --sanitized   the build has sanitizers: do not look at the server's memory
Exit status: 0 all passed, 1 not, 2 usage.
END
}

build=build
rounds=500
sanitized=
while [ $# -gt 0 ]; do
	case $1 in
	--build | --rounds)
		[ $# -ge 2 ] || { usage >&2 && exit 2; }
		[ "$1" = --build ] && build=$2 || rounds=$2
		shift
		;;
	--sanitized) sanitized=yes ;;
	-h | --help) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done

cd "$(dirname "$0")/../.." || exit 2
export LC_ALL=C
tmp=$(mktemp -d)
server= # the one that runs
few_descriptors= # how many the next one may have
cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

passed=0
failed=0
verdict() { # verdict RC NAME: counts and says it; what was said meanwhile matters only if it failed
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok      $2"
	else
		failed=$((failed + 1))
		echo "FAILED  $2"
		[ ! -s "$tmp/said" ] || sed 's/^/    /' "$tmp/said"
	fi
	: >"$tmp/said"
}

start() { # start OPTION...: a server on a free port; the port is known when it listens
	local line

	exec {server_out}< <([ -z "$few_descriptors" ] || ulimit -n "$few_descriptors"
		exec "$build/examples/respd" --port 0 "$@" 2>"$tmp/server.err")
	server=$!
	read -r line <&"$server_out"
	port=${line##*:}
	[[ $line =~ ^listening\ on\ 127\.0\.0\.1:[0-9]+$ ]]
}

stop() { # ends the server; it must end well (sanitizers and leaks say otherwise) and print the rest
	local rc

	kill -TERM "$server" 2>/dev/null # it may have ended by itself
	cat <&"$server_out" >"$tmp/server.out"
	wait "$server"
	rc=$?
	server=
	exec {server_out}<&-
	cat "$tmp/server.err" >>"$tmp/said"
	[ "$rc" -eq 0 ] && [ ! -s "$tmp/server.err" ]
}

same() { # same EXPECTED GOT
	diff "$1" "$2" >>"$tmp/said"
}

commands_are_answered_as_by_redis() {
	local script=tests/respd/commands.txt

	sed -n 's/^> //p' $script | redis-cli --no-raw -p "$port" >"$tmp/got" 2>&1 || return
	grep -v '^[>#]' $script | same - "$tmp/got"
}

# Names of commands as redis-cli reads them before a person may type: from COMMAND.
commands_are_listed() {
	redis-cli -p "$port" command | sed -n '/^[a-z]/p' | grep -vxE 'write|readonly' |
		sort >"$tmp/listed"
	[ "$(wc -l <"$tmp/listed")" = "$(redis-cli -p "$port" command count)" ] &&
		grep -qx msetnx "$tmp/listed"
}

# Bytes of a file go in by `redis-cli -x` and come out again.
values_are_any_bytes() {
	head -c 300000 "$build/examples/respd" >"$tmp/bytes"
	redis-cli -p "$port" -x SET any/bytes <"$tmp/bytes" >"$tmp/said" &&
		redis-cli --raw -p "$port" GET any/bytes | head -c 300000 | cmp - "$tmp/bytes" \
			>>"$tmp/said" 2>&1
}

# Ten thousand requests in one go: half as the protocol has it, half as people type it.
requests_come_through_a_pipe() {
	local i

	for ((i = 0; i < 5000; i++)); do
		# shellcheck disable=SC2016 # dollars of the protocol
		printf '*2\r\n$4\r\nINCR\r\n$4\r\npi\0e\r\n'
		printf 'INCR "pi\\x00e"\r\n'
	done | redis-cli -p "$port" --pipe >"$tmp/said" 2>&1 &&
		grep -qx 'errors: 0, replies: 10000' "$tmp/said" &&
		[ "$(printf '%s\n' 'GET "pi\x00e"' | redis-cli -p "$port")" = 10000 ]
}

it_has_no_thread_but_one() {
	[ "$(ls "/proc/$server/task")" = "$server" ]
}

it_tells_about_its_locks() {
	local grants

	grants=$(redis-cli -p "$port" info latchkey | tr -d '\r' | sed -n 's/^grants://p')
	redis-cli -p "$port" get x >>"$tmp/said"
	[ "$(redis-cli -p "$port" info latchkey | tr -d '\r' | sed -n 's/^grants://p')" -eq \
		$((grants + 1)) ]
}

the_protocol_bears_everything() {
	local memory_of=$server

	[ -z "$sanitized" ] || memory_of=
	tests/respd/protocol.py "$port" ${memory_of:+"$memory_of"} >"$tmp/said" 2>&1
}

nothing_is_lost_or_torn() {
	"$build/examples/respd-check" --port "$port" --rounds "$rounds" >"$tmp/said" 2>&1
}

# With commands that are put aside after every step.
commands_wait_and_others_do_not() {
	tests/respd/waiting.py "$port" >"$tmp/said" 2>&1
}

a_command_that_waits_too_long_is_refused() {
	tests/respd/waiting.py "$port" refused_after_a_while >"$tmp/said" 2>&1
}

it_ends_while_commands_wait() {
	RESPD_PID=$server tests/respd/waiting.py "$port" ends_while_commands_wait >"$tmp/said" 2>&1
}

# Every check of the checker must see what is wrong, and none may fail for another reason.
without_locks_it_is_seen() {
	"$build/examples/respd-check" --port "$port" --rounds "$rounds" >"$tmp/said" 2>&1
	[ $? -eq 1 ] && ! grep -q 'NOT MADE' "$tmp/said" && grep -q ' VIOLATED: ' "$tmp/said" &&
		grep -qxE '0 passed, [1-9][0-9]* failed' "$tmp/said"
}

the_statistics_are_printed() {
	grep -qE '^ *[1-9][0-9]*  grants ' "$tmp/server.out"
}

# An option that is none, a port that is taken: no server, and a word on why.
a_wrong_start_is_refused() {
	local rc

	"$build/examples/respd" --threads 0 >"$tmp/said" 2>&1
	[ $? -eq 2 ] || return
	"$build/examples/respd" --port "$port" >"$tmp/said" 2>&1
	rc=$?
	[ $rc -eq 1 ] && grep -q 'listen: Address already in use' "$tmp/said"
}

connect() { # connect: a connection, whose descriptor is $connection
	exec {connection}<>"/dev/tcp/127.0.0.1/$port"
}

answer_to_ping() { # answer_to_ping DESCRIPTOR: what comes back on it
	local line

	printf 'PING\r\n' >&"$1" && read -r line <&"$1" && printf '%s\n' "${line%$'\r'}"
} 2>/dev/null

# What INFO says on this connection: sets n_clients and max_clients.
ask_about_clients() { # ask_about_clients DESCRIPTOR
	local line

	printf 'INFO clients\r\n' >&"$1"
	while read -r line <&"$1"; do
		line=${line%$'\r'}
		case $line in
		connected_clients:*) n_clients=${line#*:} ;;
		maxclients:*) max_clients=${line#*:} ;;
		'') return ;;
		esac
	done
	return 1
}

# With so few descriptors there is room for a number of clients that INFO knows.  One more is told
# so; when one has gone, another gets in, as soon as the server has seen that.
too_many_clients_are_told_so() {
	local first line n_clients=0 max_clients=0 all=()

	connect && first=$connection || return
	until [ "$n_clients" = 1 ]; do # clients of before are seen off
		ask_about_clients "$first" || return
	done
	[ "$max_clients" -lt 100 ] || return
	while [ ${#all[@]} -lt $((max_clients - 1)) ]; do
		connect && all+=("$connection") || return
		[ "$(answer_to_ping "$connection")" = +PONG ] || return
	done
	connect || return
	read -r line <&"$connection"
	exec {connection}<&-
	[ "${line%$'\r'}" = "-ERR max number of clients reached" ] || return
	exec {first}<&-
	until connect && [ "$(answer_to_ping "$connection")" = +PONG ]; do
		exec {connection}<&-
	done
	for first in "$connection" "${all[@]}"; do
		exec {first}<&-
	done
}

try() { # try NAME: the function of that name, counted
	"$1"
	verdict $? "${1//_/ }"
}

# begin OPTION...: a server, counted; finish: its end, counted
begin() {
	start "$@"
	verdict $? "the server starts with $*"
}
finish() {
	stop
	verdict $? "the server stops cleanly"
}

for mode in "--threads 4" "--async"; do
	# shellcheck disable=SC2086 # words of an option
	begin $mode
	try commands_are_answered_as_by_redis
	try commands_are_listed
	try values_are_any_bytes
	try requests_come_through_a_pipe
	try it_tells_about_its_locks
	try the_protocol_bears_everything
	try a_wrong_start_is_refused
	try nothing_is_lost_or_torn
	[ "$mode" != --async ] || [ -n "$sanitized" ] || try it_has_no_thread_but_one
	finish
	try the_statistics_are_printed
done

begin --threads 3 --stripes 1
try nothing_is_lost_or_torn
finish

begin --async --steps 1
try nothing_is_lost_or_torn
try commands_wait_and_others_do_not
try it_ends_while_commands_wait
finish

begin --async --steps 1 --timeout 50
try a_command_that_waits_too_long_is_refused
finish

for mode in "--threads 4" "--async"; do
	# shellcheck disable=SC2086 # words of an option
	begin --no-locks $mode
	try without_locks_it_is_seen
	finish

	few_descriptors=120
	# shellcheck disable=SC2086 # words of an option
	begin $mode
	few_descriptors=
	try too_many_clients_are_told_so
	finish
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
