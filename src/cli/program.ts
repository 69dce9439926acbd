import {type Command, complain, EXIT, parseCommand, print, UsageError} from './command.js';

/** Commands by what they are called; undefined when there is none of that name. */
export type LoadCommand = (name: string) => Promise<Command | undefined>;

async function findCommand(name: string, load: LoadCommand): Promise<Command | undefined> {
  const command = await load(name);
  if (command === undefined) complain(`there is no command "${name}"; "fuseward help" lists them`);
  return command;
}

/** The list of commands, for a terminal of that width. */
async function listCommands(columns: number | undefined): Promise<string> {
  const [{overview}, {DEFINITIONS}] = await Promise.all([import('./help.js'), import('./definitions.js')]);
  return overview(DEFINITIONS, columns);
}

async function help(name: string | undefined, load: LoadCommand): Promise<number> {
  if (name === undefined || name.startsWith('-')) {
    print(await listCommands(process.stdout.columns));
    return EXIT.done;
  }
  const command = await findCommand(name, load);
  if (command === undefined) return EXIT.failed;
  await tell(command);
  return EXIT.done;
}

async function tell({definition}: Command): Promise<void> {
  const {helpText} = await import('./help.js');
  print(helpText(definition, process.stdout.columns));
}

async function perform(args: string[], load: LoadCommand): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    process.stderr.write(`${await listCommands(process.stderr.columns)}\n`);
    return EXIT.failed;
  }
  if (name === 'help' || name === '--help' || name === '-h') return await help(rest[0], load);
  if (name === '--version' || name === '-V') {
    const {VERSION} = await import('./version.js');
    print(`fuseward ${VERSION}`);
    return EXIT.done;
  }
  const command = await findCommand(name, load);
  if (command === undefined) return EXIT.failed;
  const {definition} = command;
  try {
    const {positionals, values} = parseCommand(definition, rest);
    if (values['help'] === true) {
      await tell(command);
      return EXIT.done;
    }
    return await command.run(positionals, values);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(
      `${definition.name}: ${error.message}\nusage: ${definition.usage} ("fuseward help ${definition.name}" tells more)`,
    );
    return EXIT.failed;
  }
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // process.cwd(), asked for a path that does not begin with a slash.
  const isGone = (error as NodeJS.ErrnoException).syscall === 'uv_cwd';
  return isGone ? 'the working directory is gone, and a relative path begins there' : error.message;
}

/** Does what the words of the command line say, and sets the exit code. */
export function runProgram(load: LoadCommand): void {
  perform(process.argv.slice(2), load).then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      complain(wordsOf(error));
      if (process.env['FUSEWARD_DEBUG'] !== undefined) console.error(error);
      process.exitCode = EXIT.failed;
    },
  );
}
