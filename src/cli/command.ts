import {type ParseArgsConfig, parseArgs} from 'node:util';

/** Exit codes: done, failed, and "no driver for this type", after which callers fall back to an ordinary mount. */
export const EXIT = {done: 0, failed: 1, noDriver: 2} as const;

/** A command as data: what it is called with and what it is for. */
export interface CommandDefinition {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The line after "usage:". */
  readonly usage: string;
  /** The rest of the help text. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many positional arguments it takes. */
  readonly positionals: {readonly least: number; readonly most: number};
}

/** Values of options as parseArgs gives them. */
export type OptionValues = Record<string, string | boolean | Array<string | boolean> | undefined>;

/** A command with its code. The number is the exit code. */
export interface Command {
  readonly definition: CommandDefinition;
  run(positionals: string[], values: OptionValues): Promise<number> | number;
}

/** Arguments that don't fit the command. */
export class UsageError extends Error {}

/** Splits a command's arguments. @throws UsageError */
export function parseCommand(
  definition: CommandDefinition,
  args: string[],
): {positionals: string[]; values: OptionValues} {
  const options = {...definition.options, help: {type: 'boolean', short: 'h'}} as const;
  let parsed: {positionals: string[]; values: OptionValues};
  try {
    parsed = parseArgs({args, options, allowPositionals: true}) as typeof parsed;
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]);
  }
  const {least, most} = definition.positionals;
  const count = parsed.positionals.length;
  if (parsed.values['help'] !== true && (count < least || count > most)) {
    throw new UsageError(
      count < least ? 'an argument is missing' : `too many arguments: ${parsed.positionals[most]}`,
    );
  }
  return parsed;
}

/** Prints one line to standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints a complaint to standard error, as programs do: who speaks, then what is wrong. */
export function complain(message: string): void {
  process.stderr.write(`fuseward: ${message}\n`);
}
