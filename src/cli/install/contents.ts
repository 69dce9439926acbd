import {existsSync, readdirSync, readFileSync, realpathSync} from 'node:fs';
import {join} from 'node:path';
import type {PackagePlace} from './package-place.js';
import type {Found} from './root-tree.js';

/** One thing to be put in place. */
export interface Item {
  /** Where, seen from the root. */
  readonly path: string;
  readonly what: Extract<Found, {kind: 'file' | 'link'}>;
  /**
   * Who decides when something else is there. `ours`: nobody but us should be, so the installation is refused. `theirs`: what is there
   * stays (an administrator's policy file, libfuse's own helper).
   */
  readonly whose: 'ours' | 'theirs';
  /** The package's file that it is a copy of or a link to. npm itself may have put a link to it in the same place. */
  readonly source?: string;
}

/** The program, its folder and Node as unit files name them, which is where Debian's packages have them. */
const UNIT_PATHS = /(?<![\w./])(\/usr\/bin\/fuseward|\/usr\/lib\/fuseward|\/usr\/bin\/node)(?![\w.-])/g;

/** Below /usr/local, which is the administrator's: /usr/lib belongs to the system's packages. */
const UNITS = '/usr/local/lib/systemd/system';
export const SYSUSERS = '/usr/local/lib/sysusers.d';
export const TMPFILES = '/usr/local/lib/tmpfiles.d';
export const POLICY = '/etc/fuseward/policy.d';

/** Helpers and where their callers look for them: mount(8) in /sbin alone. */
const HELPERS: ReadonlyArray<[name: string, path: string, whose: Item['whose']]> = [
  ['mount.fuseward', '/sbin/mount.fuseward', 'ours'],
  ['fuservicemount3', '/usr/local/bin/fuservicemount3', 'theirs'],
];

/** Where the start script looks for Node by itself, in its order. */
const KNOWN_NODES = ['/usr/bin/node', '/usr/local/bin/node'];

function file(path: string, content: Buffer | string, whose: Item['whose'] = 'ours'): Item {
  return {path, what: {kind: 'file', content: Buffer.from(content)}, whose};
}

/** Every file below a folder, as paths relative to it, in a fixed order. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** The text of a unit with the paths of this package and this Node in it. */
function pointed(text: string, {inRoot}: PackagePlace, node: string | undefined): string {
  const paths: Readonly<Record<string, string>> = {
    '/usr/bin/fuseward': `${inRoot}/bin/fuseward`,
    '/usr/lib/fuseward': inRoot,
    '/usr/bin/node': node ?? '/usr/bin/node',
  };
  return text.replace(UNIT_PATHS, (path) => paths[path]!);
}

function unitItems(place: PackagePlace, node: string | undefined): Item[] {
  const folder = join(place.real, 'units');
  return filesBelow(folder).flatMap((name) => {
    const text = (): string => readFileSync(join(folder, name), 'utf8');
    if (name.startsWith('sysusers.d/')) return [file(join(SYSUSERS, name.slice(11)), text())];
    if (name.startsWith('tmpfiles.d/')) return [file(join(TMPFILES, name.slice(11)), text())];
    if (!/\.(service|socket|target|slice)(\.d\/|$)/.test(name)) return [];
    return [file(join(UNITS, name), pointed(text(), place, node))];
  });
}

function helperItems({real, inRoot}: PackagePlace): Item[] {
  return HELPERS.filter(([name]) => existsSync(join(real, 'bin', name))).map(([name, path, whose]) => ({
    path,
    what: {kind: 'link', target: `${inRoot}/bin/${name}`},
    whose,
    source: join(real, 'bin', name),
  }));
}

/** The line that tells the start script which Node to take, where it would not take this one by itself. */
function nodeItems(root: string, {inRoot, inside}: PackagePlace, node: string | undefined): Item[] {
  if (!inside || node === undefined) return [];
  const first = KNOWN_NODES.map((path) => join(root, path)).find((path) => existsSync(path));
  if (first !== undefined && realpathSync(first) === join(root, node)) return [];
  return [file(`${inRoot}/bin/node-path`, `${node}\n`)];
}

/** Everything that an installation puts in place. `node` is as findNode gives it. */
export function contents(root: string, place: PackagePlace, node: string | undefined): Item[] {
  const {real} = place;
  const copy = (name: string, path: string, whose?: Item['whose']): Item => {
    const source = join(real, name);
    return {...file(path, readFileSync(source), whose), source};
  };
  return [
    ...nodeItems(root, place, node),
    ...unitItems(place, node),
    ...readdirSync(join(real, 'packaging/policy.d'))
      .sort()
      .map((name) => copy(`packaging/policy.d/${name}`, `${POLICY}/${name}`, 'theirs')),
    ...helperItems(place),
    ...filesBelow(join(real, 'man')).map((name) =>
      copy(`man/${name}`, `/usr/local/share/man/man${name.slice(-1)}/${name}`),
    ),
    copy('completions/fuseward.bash', '/usr/local/share/bash-completion/completions/fuseward'),
    copy('completions/_fuseward', '/usr/local/share/zsh/site-functions/_fuseward'),
  ];
}
