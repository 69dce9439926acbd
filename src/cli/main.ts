import {cacheCommand} from './cache/handler.js';
import {type Command, complain, EXIT, parseCommand, print, UsageError} from './command.js';
import {completionCommand} from './completion/handler.js';
import {daemonCommand} from './daemon/handler.js';
import {DEFINITIONS} from './definitions.js';
import {doctorCommand} from './doctor/handler.js';
import {eventsCommand} from './events/handler.js';
import {fuservicemountCommand} from './fuservicemount3/handler.js';
import {helpText, overview} from './help.js';
import {installCommand} from './install/handler.js';
import {lsCommand} from './ls/handler.js';
import {mkstripefsCommand} from './mkstripefs/handler.js';
import {mountCommand} from './mount/handler.js';
import {mountFusewardCommand} from './mount-fuseward/handler.js';
import {freezeCommand, shutdownCommand, syncCommand, thawCommand} from './orders/handler.js';
import {policyCommand} from './policy/handler.js';
import {serveCommand} from './serve/handler.js';
import {statsCommand} from './stats/handler.js';
import {statusCommand} from './status/handler.js';
import {topCommand} from './top/handler.js';
import {umountCommand} from './umount/handler.js';
import {uninstallCommand} from './uninstall/handler.js';
import {userMountCommand} from './user-mount/handler.js';
import {VERSION} from './version.js';

const COMMANDS: readonly Command[] = [
  mountCommand,
  umountCommand,
  lsCommand,
  statusCommand,
  statsCommand,
  cacheCommand,
  topCommand,
  eventsCommand,
  freezeCommand,
  thawCommand,
  syncCommand,
  shutdownCommand,
  daemonCommand,
  doctorCommand,
  policyCommand,
  mkstripefsCommand,
  installCommand,
  uninstallCommand,
  completionCommand,
  serveCommand,
  // By the names of the programs in bin/ that start these; no list of commands has them.
  mountFusewardCommand,
  fuservicemountCommand,
  // The manager starts it.
  userMountCommand,
];

/** A reader that has seen enough (head, less) ends the program, and that is no failure. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') complain(`can't write the output: ${error.message}`);
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed);
}

function findCommand(name: string): Command | undefined {
  const command = COMMANDS.find(({definition}) => definition.name === name);
  if (command === undefined) complain(`there is no command "${name}"; "fuseward help" lists them`);
  return command;
}

function help(name: string | undefined): number {
  if (name === undefined || name.startsWith('-')) {
    print(overview(DEFINITIONS, process.stdout.columns));
    return EXIT.done;
  }
  const command = findCommand(name);
  if (command === undefined) return EXIT.failed;
  print(helpText(command.definition, process.stdout.columns));
  return EXIT.done;
}

async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    process.stderr.write(`${overview(DEFINITIONS, process.stderr.columns)}\n`);
    return EXIT.failed;
  }
  if (name === 'help' || name === '--help' || name === '-h') return help(rest[0]);
  if (name === '--version' || name === '-V') {
    print(`fuseward ${VERSION}`);
    return EXIT.done;
  }
  const command = findCommand(name);
  if (command === undefined) return EXIT.failed;
  const {definition} = command;
  try {
    const {positionals, values} = parseCommand(definition, rest);
    if (values['help'] === true) {
      print(helpText(definition, process.stdout.columns));
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

process.stdout.on('error', endWithReader);
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
