import {type Command, CommandError, EXIT, type OptionValues} from '../command.js';
import {inOneSentence, rootOf} from '../install/handler.js';
import {runOnSystem, type SystemCommand} from '../install/live-system.js';
import {MANIFEST, readManifest} from '../install/manifest.js';
import {perform, tell} from '../install/perform.js';
import {planRemoval} from '../install/plan.js';
import {uninstallDefinition} from './options.js';

/** Units that can be stopped and disabled by their name: not templates, not drop-ins. */
function unitsAmong(paths: readonly string[]): string[] {
  return paths
    .map((path) => /\/systemd\/system\/([^/@]+\.(?:service|socket))$/.exec(path)?.[1])
    .filter((name) => name !== undefined);
}

function uninstall(values: OptionValues): number {
  const dryRun = values['dry-run'] === true;
  const tree = rootOf(values);
  const live = tree.root === '/';
  const manifest = readManifest(tree);
  if (manifest === undefined) {
    throw new CommandError(
      `can't uninstall: nothing was installed by "fuseward install" (${tree.place(MANIFEST)} is not there)`,
    );
  }
  const acts = planRemoval(tree, manifest.entries);
  const units = unitsAmong(acts.filter(({verb}) => verb === 'remove').map(({path}) => path));
  const disable: SystemCommand = ['systemctl', 'disable', '--now', ...units];
  const disabled = units.length === 0 || runOnSystem([disable], live, dryRun);

  perform(tree, acts, dryRun);
  // Last of all files, so that whatever ends this in the middle can be taken up again.
  const rest: typeof acts = [{verb: 'remove', path: MANIFEST}];
  perform(tree, rest, dryRun);
  for (const path of [...manifest.directories].sort().reverse()) {
    if (dryRun || tree.removeDirectory(path))
      tell(tree, dryRun, {verb: 'remove', path, ...(dryRun ? {reason: 'if it is empty'} : {})});
  }
  const reloaded = runOnSystem([['systemctl', 'daemon-reload']], live, dryRun);
  return disabled && reloaded ? EXIT.done : EXIT.failed;
}

export const uninstallCommand: Command = {
  definition: uninstallDefinition,
  run: (_positionals, values) => inOneSentence('uninstall', () => uninstall(values)),
};
