# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For scripts/check and scripts/check-deep, which source it: parts that are run one by one, each with its
# log in the folder $1, and their sum.
cd "$(dirname "$0")/.." || exit 2
unset MAKEFLAGS MFLAGS CC SAN DEBUG DELAYS SHIM RUNNER T # each part says what it is
jobs=-j$(nproc)
logs=$1
all=() # the parts that there are
passed=0
failed=0

# part NAME COMMAND...: runs it.  If it says `N passed, N failed`, that is added, else it counts
# as one.
part() {
	local name=$1 log=$logs/$1.log start=$SECONDS rc counted ok=0 bad=0
	shift
	all_ok=0
	all_bad=0
	printf '%-14s ' "$name"
	"$@" >"$log" 2>&1
	rc=$?
	counted=$(grep -xE '[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	if [[ $counted =~ ^([0-9]+)\ passed,\ ([0-9]+) ]]; then
		ok=${BASH_REMATCH[1]}
		bad=${BASH_REMATCH[2]}
	elif [ $rc -eq 0 ]; then
		ok=1
	fi
	[ $rc -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	passed=$((passed + ok))
	failed=$((failed + bad))
	printf '%5d passed, %d failed  (%d s)\n' "$ok" "$bad" $((SECONDS - start))
	if [ "$bad" -gt 0 ]; then
		grep -vE ' passed, |^ok |^  [a-z0-9-]+	|^make: ' "$log" | tail -n 40 | sed 's/^/    /'
		echo "    (all of it: $log)"
	fi
}

# One check after another in a part, counted in all_ok and all_bad.
one() {
	local said
	if said=$("$@" 2>&1); then
		all_ok=$((all_ok + 1))
	else
		all_bad=$((all_bad + 1))
		printf 'FAILED: %s\n%s\n' "$*" "$said"
	fi
}
# The same for a command that counts by itself.
one_sum() {
	local said counted
	said=$("$@" 2>&1) || printf 'FAILED: %s\n%s\n' "$*" "$said"
	counted=$(tail -n 1 <<<"$said")
	if [[ $counted =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		all_ok=$((all_ok + BASH_REMATCH[1]))
		all_bad=$((all_bad + BASH_REMATCH[2]))
	else
		all_bad=$((all_bad + 1))
	fi
}
sum() {
	echo "$all_ok passed, $all_bad failed"
	[ "$all_bad" -eq 0 ]
}

# run_parts PART...: those, or all that are named in the array `all`.
run_parts() {
	local parts=("$@") p

	[ $# -gt 0 ] || parts=("${all[@]}")
	mkdir -p "$logs"
	for p in "${parts[@]}"; do
		declare -F "part_$p" >/dev/null || { echo "no part $p" >&2 && exit 2; }
		part "$p" "part_$p"
	done
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
