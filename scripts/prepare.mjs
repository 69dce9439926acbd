// What quickstart, test and bench need before they can start. Uses nothing but Node itself, because npm packages are
// among the things that may be missing.
import {spawnSync} from 'node:child_process';
import {accessSync, constants, readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const NODE_LEAST = [20, 19];
const SEARCH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin', '/usr/local/sbin'];

export function fail(message) {
  console.error(`fuseward: ${message}`);
  process.exit(1);
}

export function say(message) {
  console.log(`fuseward: ${message}`);
}

/** Runs a command with its output shown; ends this program when it fails. */
export function run(command, args, options = {}) {
  const {status, error} = spawnSync(command, args, {cwd: root, stdio: 'inherit', ...options});
  if (error) fail(`can't run ${command}: ${error.message}`);
  if (status !== 0) fail(`${command} ${args.join(' ')} failed with exit code ${status}`);
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_LEAST[0] || (major === NODE_LEAST[0] && minor < NODE_LEAST[1])) {
    fail(`Node ${process.versions.node} is too old: ${NODE_LEAST.join('.')} or newer is needed`);
  }
}

export function checkRoot(what) {
  if (process.getuid() !== 0) fail(`${what} mounts file systems and must be run as root`);
}

function present(tool) {
  return SEARCH.some((directory) => {
    try {
      accessSync(join(directory, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs Debian packages whose tool is missing. `wanted` is {tool: package}. */
export function installTools(wanted) {
  const missing = [
    ...new Set(Object.entries(wanted).flatMap(([tool, name]) => (present(tool) ? [] : [name]))),
  ];
  if (missing.length === 0) return;
  if (!present('apt-get'))
    fail(`these are missing and there is no apt-get to install them: ${missing.join(' ')}`);
  if (process.getuid() !== 0)
    fail(`these packages are missing and only root can install them: ${missing.join(' ')}`);
  say(`installing by apt-get: ${missing.join(' ')}`);
  const env = {...process.env, DEBIAN_FRONTEND: 'noninteractive'};
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...missing];
  const quiet = {stdio: ['ignore', 'ignore', 'inherit'], env};
  if (spawnSync('apt-get', install, {...quiet, stdio: 'ignore'}).status === 0) return;
  run('apt-get', ['update', '-qq'], quiet);
  run('apt-get', install, quiet);
}

function modified(path) {
  return statSync(join(root, path), {throwIfNoEntry: false})?.mtimeMs ?? 0;
}

/** Installs the npm packages of the lock file unless that has been done. */
export function installPackages() {
  if (
    modified('node_modules/.package-lock.json') >= modified('package-lock.json') &&
    modified('package-lock.json') > 0
  )
    return;
  say('installing npm packages');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

function newestBelow(directory) {
  return Math.max(
    ...readdirSync(join(root, directory), {recursive: true, withFileTypes: true})
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
}

/** Builds dist/ unless it is newer than everything it is made of. */
export function build() {
  const sources = Math.max(
    newestBelow('src'),
    newestBelow('scripts'),
    modified('package.json'),
    modified('tsconfig.json'),
  );
  if (modified('dist/cli/main.cjs') > sources) return;
  say('building');
  run(process.execPath, ['scripts/build.mjs']);
}

/** The version in package.json. */
export function version() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}
