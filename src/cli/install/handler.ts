import {type Command, CommandError, EXIT, type OptionValues, print} from '../command.js';
import {VERSION} from '../version.js';
import {contents, SYSUSERS, TMPFILES} from './contents.js';
import {runOnSystem, type SystemCommand} from './live-system.js';
import {MANIFEST, readManifest, writeManifest} from './manifest.js';
import {installDefinition} from './options.js';
import {findNode, findPackage} from './package-place.js';
import {perform, tell} from './perform.js';
import {entriesAfter, entriesDuring, planInstall} from './plan.js';
import {RootTree} from './root-tree.js';

/** The root that a command is about. Without --root it is this system's. */
export function rootOf(values: OptionValues): RootTree {
  return new RootTree(String(values['root'] ?? '/'));
}

function install(values: OptionValues): number {
  const dryRun = values['dry-run'] === true;
  const tree = rootOf(values);
  const place = findPackage(tree.root);
  const items = contents(tree.root, place, findNode(tree.root));
  const earlier = readManifest(tree);
  const acts = planInstall(tree, items, earlier);

  const paths = [MANIFEST, ...acts.filter(({verb}) => verb === 'write').map(({path}) => path)];
  const made = [...new Set(paths.flatMap((path) => tree.missingAbove(path)))].sort();
  const directories = [...new Set([...(earlier?.directories ?? []), ...made])].sort();
  const before = earlier?.entries ?? [];
  const after = entriesAfter(acts, earlier);

  for (const directory of made) tell(tree, dryRun, {verb: 'make', path: directory});
  if (!dryRun) {
    for (const directory of made) tree.makeDirectory(directory);
    writeManifest(tree, {version: VERSION, directories, entries: entriesDuring(before, after)});
  }
  perform(tree, acts, dryRun);
  if (acts.every(({verb}) => verb === 'same')) print('everything is in place already');
  if (!dryRun) writeManifest(tree, {version: VERSION, directories, entries: after});

  if (!place.inside)
    print(`note: ${tree.root} must have this package at ${place.inRoot} for units and links`);
  const commands: SystemCommand[] = [
    ...items
      .filter(({path}) => path.startsWith(`${SYSUSERS}/`))
      .map(({path}): SystemCommand => ['systemd-sysusers', path]),
    ...items
      .filter(({path}) => path.startsWith(`${TMPFILES}/`))
      .map(({path}): SystemCommand => ['systemd-tmpfiles', '--create', path]),
    ['systemctl', 'daemon-reload'],
  ];
  return runOnSystem(commands, tree.root === '/', dryRun) ? EXIT.done : EXIT.failed;
}

/** Turns a refusal of the kernel into one sentence. */
export function inOneSentence(verb: string, action: () => number): number {
  try {
    return action();
  } catch (error) {
    const {code, path, message} = error as NodeJS.ErrnoException;
    if (error instanceof CommandError || code === undefined) throw error;
    const reason = code === 'EACCES' || code === 'EPERM' ? 'only root may' : message;
    throw new CommandError(`can't ${verb}${path === undefined ? '' : ` ${path}`}: ${reason}`);
  }
}

export const installCommand: Command = {
  definition: installDefinition,
  run: (_positionals, values) => inOneSentence('install', () => install(values)),
};
