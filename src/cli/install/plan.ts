import {CommandError} from '../command.js';
import type {Item} from './contents.js';
import {type Entry, type Manifest, markOf} from './manifest.js';
import type {RootTree} from './root-tree.js';

/** What is to be done at one path. */
export interface Act {
  readonly verb: 'write' | 'replace' | 'remove' | 'keep' | 'same';
  readonly path: string;
  /** What is put there by `write` and `replace`. */
  readonly item?: Item;
  /** Why something is kept. */
  readonly reason?: string;
}

const CHANGED = 'it was changed since it was put there';

/** Whether what lies at a path is what an installation put there, by its list. */
function isAsInstalled(tree: RootTree, {path, marks}: Entry): boolean {
  const mark = markOf(tree.find(path));
  return mark !== undefined && marks.includes(mark);
}

function actFor(tree: RootTree, item: Item, entry: Entry | undefined): Act {
  const {path, whose} = item;
  const found = tree.find(path);
  if (found.kind === 'nothing') return {verb: 'write', path, item};
  if (markOf(found) === markOf(item.what)) return {verb: 'same', path, item};
  if (found.kind === 'link' && tree.follow(path) === item.source) return {verb: 'same', path};
  if (entry !== undefined && isAsInstalled(tree, entry)) return {verb: 'replace', path, item};
  if (entry !== undefined) return {verb: 'keep', path, reason: CHANGED};
  if (whose === 'theirs') return {verb: 'keep', path, reason: 'it is not ours'};
  throw new CommandError(
    `can't install: ${tree.place(path)} is there already and did not come from "fuseward install"`,
  );
}

/**
 * What an installation has to do. What an earlier one put in place and this one does not have any more is removed.
 * @throws CommandError when something of somebody else's is in the way; nothing has been done then
 */
export function planInstall(tree: RootTree, items: readonly Item[], earlier: Manifest | undefined): Act[] {
  const entries = new Map(earlier?.entries.map((entry) => [entry.path, entry]));
  const acts = items.map((item) => actFor(tree, item, entries.get(item.path)));
  const paths = new Set(items.map(({path}) => path));
  const left = [...entries.values()].filter(({path}) => !paths.has(path));
  return [...acts, ...planRemoval(tree, left)];
}

/** What has to be done so that nothing of these entries is left but what somebody changed. */
export function planRemoval(tree: RootTree, entries: readonly Entry[]): Act[] {
  return entries.flatMap((entry): Act[] => {
    const {path} = entry;
    if (tree.find(path).kind === 'nothing') return [];
    if (!isAsInstalled(tree, entry)) return [{verb: 'keep', path, reason: CHANGED}];
    return [{verb: 'remove', path}];
  });
}

/**
 * The entries that are ours after these acts: what they put in place, and what an earlier installation put there that is still the
 * same. What lay there before anybody installed anything is not taken over, and neither is what somebody changed.
 */
export function entriesAfter(acts: readonly Act[], earlier: Manifest | undefined): Entry[] {
  const known = new Set(earlier?.entries.map(({path}) => path));
  return acts.flatMap(({verb, path, item}) => {
    if (item === undefined || (verb === 'same' && !known.has(path))) return [];
    return [{path, marks: [markOf(item.what)!]}];
  });
}

/** Both: what a list must have while the acts are under way, so that an end in the middle loses nothing. */
export function entriesDuring(before: readonly Entry[], after: readonly Entry[]): Entry[] {
  const marks = new Map<string, Set<string>>();
  for (const entry of [...before, ...after]) {
    const known = marks.get(entry.path) ?? new Set();
    for (const mark of entry.marks) known.add(mark);
    marks.set(entry.path, known);
  }
  return [...marks].map(([path, of]) => ({path, marks: [...of]}));
}
