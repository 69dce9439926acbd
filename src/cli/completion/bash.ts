import {type CommandDefinition, type Completion, type OptionDefinition, publicOptions} from '../command.js';

/** A word for the inside of a bash script. Our own words need no more than quotes. */
function quoted(words: readonly string[]): string {
  return `'${words.join(' ').replaceAll("'", "'\\''")}'`;
}

/** The line of the script that offers this. */
function offer(completion: Completion | undefined): string {
  if (completion === 'mount') return '_fuseward_mounts';
  if (completion === 'file') return '_fuseward_paths -f';
  if (completion === 'directory') return '_fuseward_paths -d';
  return completion === undefined ? ':' : `_fuseward_words ${quoted(completion)}`;
}

function spellings(name: string, {short}: OptionDefinition): string[] {
  return [...(short === undefined ? [] : [`-${short}`]), `--${name}`];
}

/** What the words of one command are: `case` branches for values of options, then options, then positionals. */
function branch(definition: CommandDefinition): string {
  const options = publicOptions(definition);
  const values = options.filter(([, {type, standsFor}]) => type === 'string' && standsFor === undefined);
  const branches = values.map(
    ([name, option]) => `        ${spellings(name, option).join('|')}) ${offer(option.completes)}; return ;;`,
  );
  const taking = values.flatMap(([name, option]) => spellings(name, option));
  const flags = [...options.flatMap(([name, option]) => spellings(name, option)), '-h', '--help'];
  const positionals = (definition.positionals.completes ?? []).map(
    (completion, index) => `          ${index}) ${offer(completion)} ;;`,
  );
  return [
    `    ${definition.name})`,
    ...(branches.length === 0 ? [] : ['      case $previous in', ...branches, '      esac']),
    `      if [[ $current == -* ]]; then _fuseward_words ${quoted(flags)}; return; fi`,
    ...(positionals.length === 0
      ? []
      : [
          `      case $(_fuseward_position ${quoted(taking)}) in`,
          ...positionals.map((line) => line.slice(2)),
          '      esac',
        ]),
    '      ;;',
  ].join('\n');
}

/**
 * Completion for bash. Names of mounts are foreign text: they never pass through `compgen -W` or `eval`, which would carry out
 * what is written in them, and are offered quoted.
 */
export function bashCompletion(definitions: readonly CommandDefinition[]): string {
  const names = [...definitions.map(({name}) => name), 'help'];
  return `# Completion of fuseward(8) for bash. Made by "fuseward completion bash".

# Offers those of our own words that begin with what is typed.
_fuseward_words() {
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}

_fuseward_paths() {
  compopt -o filenames
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$current"))
}

# Where FUSE servers are mounted. The names are foreign: they are offered quoted, because readline leaves some of $() as it is.
_fuseward_mounts() {
  local id parent device root target rest name quoted typed
  # What is typed may be quoted too: with backslashes, or by a quote in front of it.
  typed=\${current//\\\\/}
  typed=\${typed#[\\'\\"]}
  while read -r id parent device root target rest; do
    [[ $rest =~ ' - fuse'(blk)?[.\\ ] ]] || continue
    # The kernel writes spaces and backslashes as three octal digits; the full stop saves a newline from $().
    name=$(printf '%b.' "\${target//\\\\/\\\\0}")
    name=\${name%.}
    printf -v quoted %q "$name"
    [[ $name == "$typed"* ]] || continue
    [[ $current != [\\'\\"]* || $quoted == "$name" ]] && COMPREPLY+=("$quoted")
  done </proc/self/mountinfo
}

# How many arguments that are not options lie before the current one. $1: options that take a value.
_fuseward_position() {
  local index position=0
  for ((index = 2; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
    =) ((index++)) ;;
    -*) [[ " $1 " == *" \${COMP_WORDS[index]} "* && \${COMP_WORDS[index + 1]} != = ]] && ((index++)) ;;
    *) ((position++)) ;;
    esac
  done
  echo $position
}

_fuseward() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # bash makes words of --name=value at the sign.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if ((COMP_CWORD == 1)); then
    _fuseward_words ${quoted([...names, '--help', '--version'])}
    return
  fi
  case \${COMP_WORDS[1]} in
${definitions.map(branch).join('\n')}
  esac
}

complete -F _fuseward fuseward
`;
}
