import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {release} from 'node:os';
import {CHECKOUT} from './checkout.js';
import {run, withKernelMount} from './mounts.js';
import {Random, seedOf} from './random.js';
import type {Entry} from './snapshot.js';
import type {Chapter, Traits} from './tree/ground.js';

/** A program and its arguments; `IMAGE` among them stands for the image's path. */
export type Step = readonly [program: string, ...args: string[]];

/** The step that runs one debugfs command. */
export function debugfs(request: string): Step {
  return ['debugfs', '-w', '-R', request, 'IMAGE'];
}

/** How one image is made, and what it is to show. */
export interface Recipe {
  name: string;
  /** What the image has that others have not. */
  feature: string;
  /** Bytes. */
  size: number;
  /** Arguments of mke2fs. */
  mkfs: readonly string[];
  traits?: Partial<Traits>;
  /** What this kernel's ext4 must be able to do, by a name in /sys/fs/ext4/features. */
  needs?: 'encryption' | 'fast_commit';
  /** Commands on the image before it is filled. */
  before?: readonly Step[];
  /** What the kernel's own read-write mount is filled with. */
  chapters?: readonly Chapter[];
  /** Options of that mount. */
  mountOptions?: string;
  /** Filled by `mke2fs -d` from the mount of another image instead, for what this kernel can't mount read-write. */
  copyOf?: Recipe;
  /** Commands on the image after it was filled. */
  after?: readonly Step[];
  /**
   * What the image is compared with: the kernel's mount of it (default), or the source of the copy where the
   * kernel can't mount it at all.
   */
  oracle?: 'kernel' | 'source';
  /**
   * The image is as it was while still mounted, so that its journal has to be replayed. `rw` where the kernel can
   * do that in a read-write mount only.
   */
  dirty?: 'ro' | 'rw';
  /** Where the kernel's view can't be the measure, and why. */
  exceptions?: ReadonlyArray<{path: string; fields: ReadonlyArray<keyof Entry>; reason: string}>;
  /** Fixed, so that hashes of names and checksums are the same in every run. */
  uuid?: string;
}

export const MIB = 1 << 20;
const UUID = '6f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0';
const HASH_SEED = '01234567-89ab-4cde-8f01-23456789abcd';
const CONFIG = `${CHECKOUT}/test/fixtures/mke2fs.conf`;
const CACHE = `${CHECKOUT}/.cache/images/`;

/** e2fsck says by exit code 1 that it changed what it was asked to change. */
const E2FSCK_CHANGED = 1;

function perform(image: string, [program, ...args]: Step): void {
  const result = spawnSync(
    program,
    args.map((argument) => (argument === 'IMAGE' ? image : argument)),
    {encoding: 'utf8'},
  );
  // debugfs ends with 0 whatever happened; its errors are the lines on stderr after that with its version.
  const failed =
    program === 'debugfs'
      ? /^(?!debugfs ).+/m.test(result.stderr)
      : result.status !== 0 && !(program === 'e2fsck' && result.status === E2FSCK_CHANGED);
  if (failed)
    throw new Error(`${program} ${args.join(' ')}: ${result.status} ${result.stderr}${result.stdout}`);
}

function traitsOf(recipe: Recipe): Traits {
  const blockSize = recipe.traits?.blockSize ?? 4096;
  return {blockSize, extents: true, xattrLimit: blockSize - 124, flags: true, ...recipe.traits};
}

function mke2fs(image: string, recipe: Recipe, extra: readonly string[]): void {
  const identity = ['-U', recipe.uuid ?? UUID];
  const args = ['-q', '-F', ...identity, ...withHashSeed(recipe.mkfs), ...extra, image];
  process.env['MKE2FS_CONFIG'] = CONFIG;
  run('mke2fs', args);
}

/** mke2fs takes the extended options (-E) once, so the hash seed joins those of the recipe. */
function withHashSeed(args: readonly string[]): string[] {
  const at = args.indexOf('-E');
  const seed = `hash_seed=${HASH_SEED}`;
  if (at < 0) return ['-E', seed, ...args];
  return args.map((argument, i) => (i === at + 1 ? `${argument},${seed}` : argument));
}

function fill(image: string, recipe: Recipe): void {
  const random = new Random(seedOf(recipe.name));
  const traits = traitsOf(recipe);
  const atCrash = `${image}.crash`;
  try {
    withKernelMount(image, `rw,${recipe.mountOptions ?? 'user_xattr,acl'}`, (path) => {
      const ground = {root: Buffer.from(path), random, traits};
      const ends = (recipe.chapters ?? []).map((chapter) => chapter(ground));
      if (recipe.dirty !== undefined) run('cp', ['--sparse=always', image, atCrash]);
      for (const end of ends) end?.();
    });
    if (recipe.dirty !== undefined) renameSync(atCrash, image);
  } finally {
    rmSync(atCrash, {force: true});
  }
}

function build(recipe: Recipe, image: string): void {
  writeFileSync(image, '');
  truncateSync(image, recipe.size);
  const source = recipe.copyOf;
  if (source !== undefined) {
    withKernelMount(imageOf(source), 'ro', (tree) => mke2fs(image, recipe, ['-d', tree]));
  } else mke2fs(image, recipe, []);
  for (const step of recipe.before ?? []) perform(image, step);
  if (source === undefined) fill(image, recipe);
  for (const step of recipe.after ?? []) perform(image, step);
}

let sources: string | undefined;
/** What all images depend on: the code that makes and fills them, with the parameters there, and the kernel. */
function sourcesKey(): string {
  if (sources !== undefined) return sources;
  const texts: string[] = [];
  for (const folder of ['tree', 'recipes'].map((name) => `${CHECKOUT}/test/support/${name}/`)) {
    for (const name of readdirSync(folder).sort()) texts.push(readFileSync(`${folder}${name}`, 'utf8'));
  }
  sources = [...texts, readFileSync(CONFIG, 'utf8'), release()].join('\n');
  return sources;
}

function keyOf(recipe: Recipe): string {
  const {chapters, copyOf, exceptions: _, ...plain} = recipe;
  const parts = [
    JSON.stringify(plain),
    `${chapters?.length}`,
    copyOf === undefined ? '' : keyOf(copyOf),
    sourcesKey(),
  ];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);
}

/** Why a recipe's image can't be made here; undefined when it can. */
export function lacking(recipe: Recipe): string | undefined {
  if (recipe.needs === undefined || existsSync(`/sys/fs/ext4/features/${recipe.needs}`)) return undefined;
  return `this kernel's ext4 has no ${recipe.needs}`;
}

/**
 * The path of a recipe's image, which is made when it is not in the cache (`.cache/images` of the checkout) yet.
 * Nobody may write to it: see `copyOf`.
 */
export function imageOf(recipe: Recipe): string {
  mkdirSync(CACHE, {recursive: true});
  const wanted = `${recipe.name}-${keyOf(recipe)}.img`;
  const present = readdirSync(CACHE);
  if (present.includes(wanted)) return CACHE + wanted;
  const draft = `${CACHE}draft-${process.pid}-${wanted}`;
  try {
    build(recipe, draft);
    renameSync(draft, CACHE + wanted);
  } finally {
    rmSync(draft, {force: true});
  }
  const older = new RegExp(`^${recipe.name}-[0-9a-f]{16}\\.(?:img|own)$`);
  for (const name of present) if (older.test(name)) rmSync(CACHE + name, {force: true});
  return CACHE + wanted;
}

/**
 * The path of a copy of a recipe's image that nobody puts a loop device around but fuseward: it mounts no image that has one, and
 * another test may have the kernel mount the image itself at any moment.
 */
export function ownImageOf(recipe: Recipe): string {
  const image = imageOf(recipe);
  const own = image.replace(/img$/, 'own');
  if (existsSync(own)) return own;
  const draft = `${own}-${process.pid}`;
  try {
    run('cp', ['--sparse=always', image, draft]);
    renameSync(draft, own);
  } finally {
    rmSync(draft, {force: true});
  }
  return own;
}

/** A sparse copy of an image that may be written to; the caller removes it. */
export function copyImage(recipe: Recipe, target: string): void {
  run('cp', ['--sparse=always', imageOf(recipe), target]);
}
