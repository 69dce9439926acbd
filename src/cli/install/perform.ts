import {print} from '../command.js';
import type {Act} from './plan.js';
import type {RootTree} from './root-tree.js';

/** What is told of each act: done, and only meant. */
const WORDS = {
  make: ['made', 'would make'],
  write: ['wrote', 'would write'],
  replace: ['replaced', 'would replace'],
  remove: ['removed', 'would remove'],
  keep: ['kept', 'would keep'],
} as const;

/** Prints one act: what, where on this machine, and what a link leads to or why something stays. */
export function tell(
  tree: RootTree,
  dryRun: boolean,
  {verb, path, item, reason}: Omit<Act, 'verb'> & {verb: keyof typeof WORDS},
): void {
  const more =
    item?.what.kind === 'link' ? ` -> ${item.what.target}` : reason === undefined ? '' : `: ${reason}`;
  print(`${WORDS[verb][dryRun ? 1 : 0]} ${tree.place(path)}${more}`);
}

/** Does the acts, or with `dryRun` none, and tells each. */
export function perform(tree: RootTree, acts: readonly Act[], dryRun: boolean): void {
  for (const act of acts) {
    const {verb, path, item} = act;
    if (verb === 'same') continue;
    if (!dryRun && verb === 'remove') tree.remove(path);
    if (!dryRun && item?.what.kind === 'file') tree.writeFile(path, item.what.content);
    if (!dryRun && item?.what.kind === 'link') tree.writeLink(path, item.what.target);
    tell(tree, dryRun, {...act, verb});
  }
}
