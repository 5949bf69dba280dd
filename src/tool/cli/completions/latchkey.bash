# SPDX-License-Identifier: MIT
# bash completion for latchkey(1)
_latchkey() {
	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= options i
	local commands='run acquire renew release check stdio ls tree why watch top stats metrics fence check-health repair break config guarantee doctor bench sweep migrate help'

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			# what is started has completions of its own
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			fi
			return
			;;
		-*) ;;
		*) [ -n "$command" ] || command=${COMP_WORDS[i]} ;;
		esac
	done
	case $before in
	--mode) mapfile -t COMPREPLY < <(compgen -W 'IS IX S SIX U X' -- "$current") && return ;;
	--lost) mapfile -t COMPREPLY < <(compgen -W 'kill warn ignore' -- "$current") && return ;;
	--sort) mapfile -t COMPREPLY < <(compgen -W 'waiters grants holds names' -- "$current") && return ;;
	--dir) mapfile -t COMPREPLY < <(compgen -d -- "$current") && return ;;
	--store | --from | --to) mapfile -t COMPREPLY < <(compgen -W 'file: sqlite: redis: memory:' -- "$current") && return ;;
	esac
	if [ -z "$command" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
		return
	fi
	options='--store --dir --json --help --version'
	case $command in
	run) options+=' --mode --wait --nowait --lease --lost --grace --semaphore --units' ;;
	acquire) options+=' --mode --wait --nowait --lease' ;;
	renew) options+=' --lease' ;;
	stdio) options+=' --cleanup-ms' ;;
	why) options+=' --mode' ;;
	watch) options+=' --every' ;;
	top) options+=' --every --once --sort' ;;
	repair) options+=' --write --force' ;;
	break) options+=' --yes' ;;
	bench) options+=' --time --threads --shared --kept' ;;
	config) [[ $current == -* ]] || options='get set' ;;
	migrate) options+=' --from --to --dry-run --timeout --freeze' ;;
	help) [[ $current == -* ]] || options=$commands ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}
complete -F _latchkey latchkey
