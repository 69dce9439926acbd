import {existsSync, lstatSync, readdirSync, realpathSync} from 'node:fs';
import {join} from 'node:path';
import {CommandError} from '../command.js';
import {PACKAGE_ROOT} from '../package-root.js';
import {changeableBy, checkWay, wayTo} from './trust.js';

/** Where the program lies, for units and links to point to. */
export interface PackagePlace {
  /** Its folder on this machine. */
  readonly real: string;
  /** The same as seen from the root that is installed into. */
  readonly inRoot: string;
  /** Whether it lies below that root. */
  readonly inside: boolean;
}

/** Characters that mean themselves in a unit file and in a command line: no blank, no `%`, no `$`, no quote. */
const PLAIN = /^[A-Za-z0-9/._+@:-]+$/;

/** Directories that services don't see, with ProtectHome= and PrivateTmp= in their units (systemd.exec(5)). */
const HIDDEN = ['/home', '/root', '/run/user', '/tmp', '/var/tmp'];

const INTENT = 'install';

/** A real path as seen from a root, and whether it is below it. */
export function seenFrom(root: string, path: string): {inRoot: string; inside: boolean} {
  if (root === '/') return {inRoot: path, inside: true};
  const inside = path.startsWith(`${root}/`);
  return {inRoot: inside ? path.slice(root.length) : path, inside};
}

/** Makes sure that every user can follow a path and read what is there: servers run as users of their own. */
function checkReach(root: string, inRoot: string, what: string): void {
  // The root itself is left out: while a system is being made, its directory is often closed.
  for (const place of wayTo(inRoot).slice(1)) {
    const real = root === '/' ? place : root + place;
    const stat = lstatSync(real);
    const needed = stat.isDirectory() ? 0o001 : 0o004;
    if ((stat.mode & needed) === needed) continue;
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    throw new CommandError(
      `can't ${INTENT}: servers can't reach ${what}, because ${real} is closed to them (mode ${mode})`,
    );
  }
}

/** Makes sure that units can name a path and services see it. */
function checkName(inRoot: string, what: string): void {
  if (!PLAIN.test(inRoot)) {
    throw new CommandError(
      `can't ${INTENT}: ${what} lies at "${inRoot}", and unit files can't name that without quoting`,
    );
  }
  const hidden = HIDDEN.find((directory) => inRoot.startsWith(`${directory}/`));
  if (hidden !== undefined) {
    throw new CommandError(
      `can't ${INTENT}: ${what} lies below ${hidden}, which services don't see; "npm install -g" puts it where they do`,
    );
  }
}

/** Every file of a folder must be as trustworthy and as reachable as the way to it. */
function checkTree(folder: string): void {
  for (const entry of readdirSync(folder, {withFileTypes: true})) {
    const path = join(folder, entry.name);
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) {
      checkWay(realpathSync(path), INTENT);
      continue;
    }
    const who = changeableBy(stat);
    if (who !== undefined) throw new CommandError(`can't ${INTENT}: ${path} can be changed by ${who}`);
    const needed = stat.isDirectory() ? 0o005 : 0o004;
    if ((stat.mode & needed) !== needed) {
      throw new CommandError(`can't ${INTENT}: servers can't read ${path}`);
    }
    if (stat.isDirectory()) checkTree(path);
  }
}

/**
 * Where this package lies, checked: units started by root run it, so nobody else may be able to change it, and servers, which are
 * users of their own, must reach it.
 * @throws CommandError in a sentence that says what is wrong with the place
 */
export function findPackage(root: string, real = realpathSync(PACKAGE_ROOT)): PackagePlace {
  if (!existsSync(join(real, 'units')) || !existsSync(join(real, 'packaging'))) {
    throw new CommandError(
      `can't ${INTENT}: ${real} has no unit files with it; a system package has put them in place already`,
    );
  }
  if (!existsSync(join(real, 'node_modules/koffi'))) {
    throw new CommandError(
      `can't ${INTENT}: ${real} belongs to another package, which has its modules; "npm install -g" makes a whole one`,
    );
  }
  const {inRoot, inside} = seenFrom(root, real);
  checkName(inRoot, 'fuseward');
  checkWay(real, INTENT);
  checkReach(inside ? root : '/', inRoot, 'fuseward');
  checkTree(real);
  return {real, inRoot, inside};
}

/**
 * The Node that runs this, as seen from the root; undefined when it is another system's.
 * @throws CommandError when it can be changed by others or not be reached by servers
 */
export function findNode(root: string, real = realpathSync(process.execPath)): string | undefined {
  const {inRoot, inside} = seenFrom(root, real);
  if (!inside) return undefined;
  checkName(inRoot, 'Node');
  checkWay(real, INTENT);
  checkReach(root, inRoot, 'Node');
  return inRoot;
}
