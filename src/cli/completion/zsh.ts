import {type CommandDefinition, type Completion, type OptionDefinition, publicOptions} from '../command.js';

/** A single-quoted word of zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Text inside a specification of _arguments: brackets and colons end its parts there. */
function part(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

/** The action that offers this. */
function offer(completion: Completion | undefined): string {
  if (completion === 'mount') return '_fuseward_mounts';
  if (completion === 'file') return '_files';
  if (completion === 'directory') return '_files -/';
  return completion === undefined ? ' ' : `(${completion.join(' ')})`;
}

function specifications(name: string, option: OptionDefinition): string[] {
  const {short, type, value, standsFor, multiple, help, completes} = option;
  const text = help === undefined ? '' : `[${part(help)}]`;
  // An optional value is joined by = and may be missing; two colons say so.
  const long = `--${name}${type === 'boolean' ? '' : standsFor === undefined ? '=' : '=-'}`;
  const operand = `${part(value ?? 'value')}:${offer(completes)}`;
  const argument = type === 'boolean' ? '' : standsFor === undefined ? `:${operand}` : `::${operand}`;
  const others = multiple === true ? '*' : short === undefined ? '' : `(-${short} --${name})`;
  const spellings = short === undefined ? [long] : [`-${short}${type === 'boolean' ? '' : '+'}`, long];
  return spellings.map((spelling) => quoted(`${others}${spelling}${text}${argument}`));
}

function branch(definition: CommandDefinition): string {
  const {name, positionals} = definition;
  const specs = [
    ...publicOptions(definition).flatMap(([option, data]) => specifications(option, data)),
    quoted('(-h --help)-h[tell more about this command]'),
    quoted('(-h --help)--help[tell more about this command]'),
    ...(positionals.completes ?? []).map((completion, index) =>
      quoted(`${index + 1}:argument:${offer(completion)}`),
    ),
  ];
  return `    ${name}) _arguments -S ${specs.map((spec) => `\\\n      ${spec}`).join(' ')} ;;`;
}

/** Completion for zsh, for a file `_fuseward` in $fpath or to be evaluated. Names of mounts are quoted by compadd. */
export function zshCompletion(definitions: readonly CommandDefinition[]): string {
  const described = definitions.map(({name, summary}) => `    ${quoted(`${name}:${part(summary)}`)}`);
  return `#compdef fuseward
# Completion of fuseward(8) for zsh. Made by "fuseward completion zsh".

# Where FUSE servers are mounted.
_fuseward_mounts() {
  local id parent device root target rest
  local -a targets
  while read -r id parent device root target rest; do
    [[ $rest == *' - fuse'(|blk)[.\\ ]* ]] || continue
    # The kernel writes spaces and backslashes as three octal digits.
    targets+=("$(printf '%b' "\${target//\\\\/\\\\0}")")
  done </proc/self/mountinfo
  compadd -a targets
}

_fuseward() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    _arguments '--help[list the commands]' '--version[tell the version]'
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${definitions.map(branch).join('\n')}
  esac
}

if [[ \${funcstack[1]:-} == _fuseward ]]; then
  _fuseward "$@"
else
  compdef _fuseward fuseward
fi
`;
}
