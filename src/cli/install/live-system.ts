import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {complain, print} from '../command.js';

/** There while systemd is the init of this machine (sd_booted(3)). */
const RUNNING = '/run/systemd/system';

/** Tools of the system are looked for here and nowhere else: PATH is the caller's. */
const DIRECTORIES = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

/** A command that makes the system take notice of what was put in place or taken out. */
export type SystemCommand = readonly [tool: string, ...args: string[]];

function run([tool, ...args]: SystemCommand): string | undefined {
  const path = DIRECTORIES.map((directory) => `${directory}/${tool}`).find((one) => existsSync(one));
  if (path === undefined) return 'it is not installed';
  const {status, signal, stderr, error} = spawnSync(path, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {PATH: DIRECTORIES.join(':'), LC_ALL: 'C.UTF-8'},
  });
  if (status === 0) return undefined;
  return stderr?.trim() || error?.message || `it ended with ${signal ?? status}`;
}

/**
 * Runs the commands where systemd runs, on the live root, and says so; otherwise says what is left to be run.
 * @returns whether none failed
 */
export function runOnSystem(commands: readonly SystemCommand[], live: boolean, dryRun: boolean): boolean {
  if (!live) return true;
  const now = existsSync(RUNNING) && !dryRun;
  return commands
    .map((command) => {
      const line = command.join(' ');
      if (!now) {
        print(
          existsSync(RUNNING) ? `would run ${line}` : `systemd does not run here; where it does: ${line}`,
        );
        return true;
      }
      const problem = run(command);
      if (problem === undefined) print(`ran ${line}`);
      else complain(`can't run ${line}: ${problem}`);
      return problem === undefined;
    })
    .every((done) => done);
}
