import {type CommandDefinition, type OptionDefinition, publicOptions} from './command.js';

/** `-t, --type TYPE`, or `    --json`. */
function spelling(name: string, {short, type, value, standsFor}: OptionDefinition): string {
  const operand = type === 'boolean' ? '' : (value ?? 'VALUE');
  const suffix = operand === '' ? '' : standsFor === undefined ? ` ${operand}` : `[=${operand}]`;
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${suffix}`;
}

/** The list of a command's options, one line each. */
function optionList(definition: CommandDefinition): string {
  const told = publicOptions(definition);
  const width = Math.max(0, ...told.map(([name, option]) => spelling(name, option).length));
  return told.map(([name, option]) => `  ${spelling(name, option).padEnd(width)}  ${option.help}`).join('\n');
}

/** What `fuseward COMMAND --help` prints. */
export function helpText(definition: CommandDefinition): string {
  const parts = [`usage: ${definition.usage}`, definition.help, optionList(definition)];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** What `fuseward help` prints. */
export function overview(definitions: readonly CommandDefinition[]): string {
  const width = Math.max(...definitions.map(({name}) => name.length));
  return [
    'usage: fuseward COMMAND [ARGUMENTS]',
    '',
    'Mounts file systems through contained servers: the parser of the image has no rights.',
    '',
    ...definitions.map(({name, summary}) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '"fuseward COMMAND --help" tells more, "fuseward --version" which version this is, and the manual page is',
    'fuseward(8). Exit codes: 0 done, 1 failed, 2 no driver for this type.',
  ].join('\n');
}
