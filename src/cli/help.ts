import {type CommandDefinition, type OptionDefinition, publicOptions} from './command.js';

/** Help is read best in lines of this length, however wide the terminal is. */
const WIDEST = 100;

/** `-t, --type TYPE`, or `    --json`. */
function spelling(name: string, {short, type, value, standsFor}: OptionDefinition): string {
  const operand = type === 'boolean' ? '' : (value ?? 'VALUE');
  const suffix = operand === '' ? '' : standsFor === undefined ? ` ${operand}` : `[=${operand}]`;
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${suffix}`;
}

/** The words of a text in lines of at most `width` characters; a longer word has a line of its own. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** Two columns: a name, and a text that begins below itself in further lines. */
function entries(list: ReadonlyArray<readonly [name: string, text: string]>, width: number): string[] {
  const indent = 2 + Math.max(0, ...list.map(([name]) => name.length)) + 2;
  return list.flatMap(([name, text]) =>
    wrapped(text, Math.max(20, width - indent)).map((line, index) =>
      index === 0 ? `  ${name}`.padEnd(indent) + line : ' '.repeat(indent) + line,
    ),
  );
}

/** What `fuseward COMMAND --help` prints on a terminal with so many columns. */
export function helpText(definition: CommandDefinition, columns = 80): string {
  const width = Math.min(columns, WIDEST);
  const options = publicOptions(definition).map(
    ([name, option]) => [spelling(name, option), option.help ?? ''] as const,
  );
  return [
    `usage: ${definition.usage}`,
    wrapped(definition.help, width).join('\n'),
    ...(options.length === 0 ? [] : [entries(options, width).join('\n')]),
  ].join('\n\n');
}

/** What `fuseward help` prints. */
export function overview(definitions: readonly CommandDefinition[], columns = 80): string {
  const width = Math.min(columns, WIDEST);
  const commands = definitions.map(({name, summary}) => [name, summary] as const);
  const more =
    '"fuseward help COMMAND" tells more, "fuseward --version" which version this is, and the manual page is ' +
    'fuseward(8). Exit codes: 0 done, 1 failed, 2 no driver for this type.';
  return [
    'usage: fuseward COMMAND [ARGUMENTS]',
    'Mounts file systems through contained servers: the parser of the image has no rights.',
    entries(commands, width).join('\n'),
    wrapped(more, width).join('\n'),
  ].join('\n\n');
}
