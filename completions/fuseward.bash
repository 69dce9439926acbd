# Completion of fuseward(8) for bash. Made by "fuseward completion bash".

# Offers those of our own words that begin with what is typed.
_fuseward_words() {
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}

_fuseward_paths() {
  compopt -o filenames
  local IFS=$'\n'
  COMPREPLY=($(compgen "$1" -- "$current"))
}

# Where FUSE servers are mounted. The names are foreign: they are offered quoted, because readline leaves some of $() as it is.
_fuseward_mounts() {
  local id parent device root target rest name quoted typed
  # What is typed may be quoted too: with backslashes, or by a quote in front of it.
  typed=${current//\\/}
  typed=${typed#[\'\"]}
  while read -r id parent device root target rest; do
    [[ $rest =~ ' - fuse'(blk)?[.\ ] ]] || continue
    # The kernel writes spaces and backslashes as three octal digits; the full stop saves a newline from $().
    name=$(printf '%b.' "${target//\\/\\0}")
    name=${name%.}
    printf -v quoted %q "$name"
    [[ $name == "$typed"* ]] || continue
    [[ $current != [\'\"]* || $quoted == "$name" ]] && COMPREPLY+=("$quoted")
  done </proc/self/mountinfo
}

# How many arguments that are not options lie before the current one. $1: options that take a value.
_fuseward_position() {
  local index position=0
  for ((index = 2; index < COMP_CWORD; index++)); do
    case ${COMP_WORDS[index]} in
    =) ((index++)) ;;
    -*) [[ " $1 " == *" ${COMP_WORDS[index]} "* && ${COMP_WORDS[index + 1]} != = ]] && ((index++)) ;;
    *) ((position++)) ;;
    esac
  done
  echo $position
}

_fuseward() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # bash makes words of --name=value at the sign.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if ((COMP_CWORD == 1)); then
    _fuseward_words 'mount umount ls status stats cache top events freeze thaw sync shutdown daemon doctor policy mkstripefs install uninstall completion serve help --help --version'
    return
  fi
  case ${COMP_WORDS[1]} in
    mount)
      case $previous in
        -t|--type) _fuseward_words 'ext2 ext3 ext4 raw stripefs'; return ;;
        -o|--options) :; return ;;
        --policy) _fuseward_paths -d; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '-t --type -o --options --policy --json -h --help'; return; fi
      case $(_fuseward_position '-t --type -o --options --policy') in
        0) _fuseward_paths -f ;;
        1) _fuseward_paths -d ;;
      esac
      ;;
    umount)
      case $previous in
        --mount-id) :; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '-l --lazy -f --force --mount-id --json -h --help'; return; fi
      case $(_fuseward_position '--mount-id') in
        0) _fuseward_mounts ;;
      esac
      ;;
    ls)
      case $previous in
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--json --socket -h --help'; return; fi
      ;;
    status)
      case $previous in
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--json --socket -h --help'; return; fi
      case $(_fuseward_position '--socket') in
        0) _fuseward_mounts ;;
      esac
      ;;
    stats)
      case $previous in
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--watch --json --socket -h --help'; return; fi
      case $(_fuseward_position '--socket') in
        0) _fuseward_mounts ;;
      esac
      ;;
    cache)
      case $previous in
        --limit) :; return ;;
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--drop --limit --json --socket -h --help'; return; fi
      case $(_fuseward_position '--limit --socket') in
        0) _fuseward_mounts ;;
      esac
      ;;
    top)
      case $previous in
        --sort) _fuseward_words 'ops errors read written p99 hits cpu memory name'; return ;;
        --interval) :; return ;;
        --count) :; return ;;
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--sort --interval --once --count --socket -h --help'; return; fi
      ;;
    events)
      case $previous in
        --since) :; return ;;
        --count) :; return ;;
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--since --count --json --socket -h --help'; return; fi
      ;;
    freeze)
      case $previous in
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--socket -h --help'; return; fi
      case $(_fuseward_position '--socket') in
        0) _fuseward_mounts ;;
      esac
      ;;
    thaw)
      case $previous in
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--socket -h --help'; return; fi
      case $(_fuseward_position '--socket') in
        0) _fuseward_mounts ;;
      esac
      ;;
    sync)
      case $previous in
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--socket -h --help'; return; fi
      case $(_fuseward_position '--socket') in
        0) _fuseward_mounts ;;
      esac
      ;;
    shutdown)
      case $previous in
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--socket -h --help'; return; fi
      case $(_fuseward_position '--socket') in
        0) _fuseward_mounts ;;
      esac
      ;;
    daemon)
      case $previous in
        --admin-socket) _fuseward_paths -f; return ;;
        --admin-group) :; return ;;
        --listen) :; return ;;
        --token-file) _fuseward_paths -f; return ;;
        --tls-cert) _fuseward_paths -f; return ;;
        --tls-key) _fuseward_paths -f; return ;;
        --policy) _fuseward_paths -d; return ;;
        --run-dir) _fuseward_paths -d; return ;;
        --log-level) _fuseward_words 'debug info warn error'; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--admin-socket --admin-group --listen --token-file --tls-cert --tls-key --insecure --policy --run-dir --log-level -h --help'; return; fi
      ;;
    doctor)
      case $previous in
        --unit) :; return ;;
        --policy) _fuseward_paths -d; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--containment --unit --policy --json -h --help'; return; fi
      ;;
    policy)
      case $previous in
        --user) :; return ;;
        -t|--type) _fuseward_words 'ext2 ext3 ext4 raw stripefs'; return ;;
        -o|--options) :; return ;;
        --policy) _fuseward_paths -d; return ;;
        --write) _fuseward_paths -d; return ;;
        --socket) _fuseward_paths -f; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--user -t --type -o --options --policy --write --json --socket -h --help'; return; fi
      case $(_fuseward_position '--user -t --type -o --options --policy --write --socket') in
        0) _fuseward_words 'check explain units schema reload' ;;
        1) _fuseward_paths -f ;;
        2) _fuseward_paths -d ;;
      esac
      ;;
    mkstripefs)
      case $previous in
        --member) _fuseward_paths -f; return ;;
        --chunk) :; return ;;
        --block-size) :; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--member --chunk --block-size -h --help'; return; fi
      case $(_fuseward_position '--member --chunk --block-size') in
        0) _fuseward_paths -f ;;
        1) _fuseward_paths -f ;;
      esac
      ;;
    install)
      case $previous in
        --root) _fuseward_paths -d; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--root --dry-run -h --help'; return; fi
      ;;
    uninstall)
      case $previous in
        --root) _fuseward_paths -d; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--root --dry-run -h --help'; return; fi
      ;;
    completion)
      if [[ $current == -* ]]; then _fuseward_words '-h --help'; return; fi
      case $(_fuseward_position '') in
        0) _fuseward_words 'bash zsh' ;;
      esac
      ;;
    serve)
      case $previous in
        --cache-bytes) :; return ;;
        --busy-poll-microseconds) :; return ;;
      esac
      if [[ $current == -* ]]; then _fuseward_words '--cache-bytes --busy-poll-microseconds -h --help'; return; fi
      ;;
  esac
}

complete -F _fuseward fuseward
