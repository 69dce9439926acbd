import {CommandPlanError, parseCommandPlan} from '../control/command-plan.js';
import {log} from '../server/log.js';
import {endOnException, logWarnings} from '../server/unexpected.js';
import {exitNow} from '../sys/exit.js';
import {askForPlan} from './given-plan.js';
import {serve} from './serve.js';
import {greet} from './session.js';
import {runShim} from './shim.js';

/** Where stand-ins and the adapter's socket lie in the sandbox: a directory in memory that belongs to the program's user. */
const BIN = '/fuseward/bin';
/** The first descriptor that a service is given. */
const CONVERSATION = 3;
/** First argument of a process that is a stand-in. */
const SHIM = 'fusermount';

/** First argument of a process that the helper has everything for, since it was started before anybody knew of the mount. */
const UNIT = 'unit';

/** Runs the command of a plan for one mount, whose helper is behind the conversation. @returns the exit code */
async function run(text: string): Promise<number> {
  const shim = [process.execPath, ...process.execArgv, process.argv[1]!, SHIM];
  const places = {bin: BIN, shim};
  if (text !== UNIT) return serve(parseCommandPlan(text), greet(CONVERSATION), places);
  const session = greet(CONVERSATION);
  const {plan, lock} = askForPlan(session.conversation);
  return serve(plan, {...session, lock}, places);
}

async function start([first, ...rest]: readonly string[]): Promise<number> {
  if (first === SHIM) {
    const [socket, name, ...args] = rest;
    return socket === undefined || name === undefined ? 1 : runShim(socket, name, args);
  }
  return run(first ?? '');
}

logWarnings();
endOnException();
process.on('SIGTERM', () => exitNow(0));
start(process.argv.slice(2)).then(exitNow, (error: unknown) => {
  log(
    'error',
    {error: error instanceof CommandPlanError ? error.message : String(error)},
    'the adapter failed',
  );
  exitNow(1);
});
