import {parseArgs} from 'node:util';
import {harmless} from './terminal/text.js';

/** Exit codes: done, failed, and "no driver for this type", after which callers fall back to an ordinary mount. */
export const EXIT = {done: 0, failed: 1, noDriver: 2} as const;

/** What a shell offers for an argument or for an option's value: mounts of FUSE servers, paths, or these words. */
export type Completion = 'mount' | 'file' | 'directory' | readonly string[];

/** An option as data: what the parser needs, and what help texts and shell completion tell of it. */
export interface OptionDefinition {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What help texts call the value: SIZE. */
  readonly value?: string;
  /** The value of an option that stands alone. Another one is given as --name=VALUE only. */
  readonly standsFor?: string;
  /** What it does, in one line. An option without is for our own programs, and neither help nor completion tells of it. */
  readonly help?: string;
  /** What a shell offers as its value. */
  readonly completes?: Completion;
}

/** A command as data: what it is called with and what it is for. */
export interface CommandDefinition {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The line after "usage:". */
  readonly usage: string;
  /** The help text before the list of options. */
  readonly help: string;
  readonly options: Readonly<Record<string, OptionDefinition>>;
  /** How many positional arguments it takes, and what a shell offers for each. */
  readonly positionals: {
    readonly least: number;
    readonly most: number;
    readonly completes?: readonly Completion[];
  };
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

/** A failure that is told in one sentence and needs no stack trace. */
export class CommandError extends Error {}

/** Gives options that stand alone the value they stand for. */
function completed(options: CommandDefinition['options'], args: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.map((arg, index) => {
    const value = arg.startsWith('--') ? options[arg.slice(2)]?.standsFor : undefined;
    return value === undefined || (end !== -1 && index >= end) ? arg : `${arg}=${value}`;
  });
}

/** The options that are for people. */
export function publicOptions({options}: CommandDefinition): Array<[name: string, option: OptionDefinition]> {
  return Object.entries(options).filter(([, {help}]) => help !== undefined);
}

/** What parseArgs says, as the second half of our sentences: without its advice and its capital letter. */
function complaint(error: Error): string {
  const [sentence] = error.message.split(/\. |\n/);
  return sentence!.charAt(0).toLowerCase() + sentence!.slice(1);
}

/** Splits a command's arguments. @throws UsageError */
export function parseCommand(
  definition: CommandDefinition,
  args: string[],
): {positionals: string[]; values: OptionValues} {
  const options = {...definition.options, help: {type: 'boolean', short: 'h'}} as const;
  let parsed: {positionals: string[]; values: OptionValues};
  try {
    parsed = parseArgs({
      args: completed(definition.options, args),
      options,
      allowPositionals: true,
    }) as typeof parsed;
  } catch (error) {
    throw new UsageError(complaint(error as Error));
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

/** The number that an option has for a value; undefined without the option. @throws UsageError out of the bounds */
export function numberOf(
  values: OptionValues,
  name: string,
  bounds: {readonly least: number; readonly most: number; readonly whole: boolean},
): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const number = /^\d+(\.\d+)?$/.test(String(text)) ? Number(text) : Number.NaN;
  const {least, most, whole} = bounds;
  if (!(number >= least && number <= most) || (whole && !Number.isInteger(number))) {
    throw new UsageError(
      `--${name} needs a ${whole ? 'whole ' : ''}number from ${least} to ${most}, not "${text}"`,
    );
  }
  return number;
}

/** Prints one line to standard output. */
export function print(line: string): void {
  output().write(`${line}\n`);
}

/** Standard output. Node makes the stream, which takes its time, when somebody asks for it first. */
export function output(): NodeJS.WriteStream {
  const {stdout} = process;
  if (!stdout.listeners('error').includes(endWithReader)) stdout.on('error', endWithReader);
  return stdout;
}

/** A reader that has seen enough (head, less) ends the program, and that is no failure. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') complain(`can't write the output: ${error.message}`);
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed);
}

/** Prints a complaint to standard error, as programs do: who speaks, then what is wrong. */
export function complain(message: string): void {
  process.stderr.write(`fuseward: ${harmless(message)}\n`);
}
