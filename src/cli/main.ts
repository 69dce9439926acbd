import {type Command, complain, EXIT, parseCommand, print, UsageError} from './command.js';
import {doctorCommand} from './doctor/handler.js';
import {mountCommand} from './mount/handler.js';
import {serveCommand} from './serve/handler.js';
import {statusCommand} from './status/handler.js';
import {umountCommand} from './umount/handler.js';
import {VERSION} from './version.js';

const COMMANDS: readonly Command[] = [
  mountCommand,
  umountCommand,
  statusCommand,
  doctorCommand,
  serveCommand,
];

function printHelp(): void {
  print('usage: fuseward COMMAND [ARGUMENTS]\n');
  print('Mounts file systems through contained servers: the parser of the image has no rights.\n');
  for (const {definition} of COMMANDS) print(`  ${definition.name.padEnd(8)} ${definition.summary}`);
  print('\n"fuseward COMMAND --help" tells more. Exit codes: 0 done, 1 failed, 2 no driver for this type.');
}

async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    printHelp();
    return EXIT.failed;
  }
  if (name === 'help' || name === '--help' || name === '-h') {
    printHelp();
    return EXIT.done;
  }
  if (name === '--version' || name === '-V') {
    print(`fuseward ${VERSION}`);
    return EXIT.done;
  }
  const command = COMMANDS.find(({definition}) => definition.name === name);
  if (command === undefined) {
    complain(`there is no command "${name}"; "fuseward help" lists them`);
    return EXIT.failed;
  }
  const {definition} = command;
  try {
    const {positionals, values} = parseCommand(definition, rest);
    if (values['help'] === true) {
      print(`usage: ${definition.usage}\n\n${definition.help}`);
      return EXIT.done;
    }
    return await command.run(positionals, values);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(`${definition.name}: ${error.message}\nusage: ${definition.usage}`);
    return EXIT.failed;
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    complain(error instanceof Error ? error.message : String(error));
    if (process.env['FUSEWARD_DEBUG'] !== undefined) console.error(error);
    process.exitCode = EXIT.failed;
  },
);
