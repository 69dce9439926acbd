import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {
  cannotContain,
  memoryOf,
  serversOf,
  type Traces,
  tracesOf,
  withContainedMount,
} from '../support/contained-mount.js';
import {LONG} from '../support/forms.js';
import {lacking, MIB, ownImageOf, type Recipe} from '../support/images.js';
import {cannotMount, differences, expected, skipped, withOracle} from '../support/oracle.js';
import {Random} from '../support/random.js';
import {perform, performMapped, randomReads} from '../support/random-reads.js';
import {RECIPES} from '../support/recipes.js';
import {snapshot} from '../support/snapshot.js';
import type {Allowed} from '../support/snapshot-diff.js';
import {FOLDED_NAMES} from '../support/tree/names.js';

/** Images mounted for real, in a contained server, against the kernel's own mount of the same image. */
const reason = cannotMount() ?? cannotContain();
const title = skipped(reason);

/** What may differ because the mount is one of FUSE. */
const FUSE_DIFFERENCES: Allowed = {
  type: 'statfs tells the kind of file system, and this one is FUSE',
  uuid: 'FS_IOC_GETFSUUID is answered by the kernel itself, and FUSE has no way to tell it the uuid',
};
/** And in addition where directories don't record the types of their entries. */
const UNTYPED: Allowed = {
  direntType: 'FUSE lists names together with attributes, so that the type is known at once',
};
const WITHOUT_TYPES = ['ext2-revision-0', 'no-filetype', 'hurd'];

/** A sound image may cost the server this much memory, runtime included. */
const MOST_MEMORY = 200 * MIB;
/**
 * What these have that others have not is where things lie on the disk, which no request shows. The driver alone is compared with the
 * kernel on each of them in ext4-volume.test.ts, with the same snapshot; they are mounted too in the long form.
 */
const LAID_OUT_OTHERWISE =
  /^(ext2-4k|ext3|ext4-2k|ext4-inode-512|no-64bit|no-flex-bg|no-sparse-super|sparse-super2|bigalloc-1k|inline-data-1024|no-resize-inode|resized|many-inodes|uninit-bg|no-checksums|csum-seed|orphan-file|verity|mmp|stable-inodes|fast-commit|large-dir|copy-source|blocks-(8|16|32)k|dirty-orphan-file|dirty-ext3|hash-.*-unsigned)$/;
const MOUNTED = RECIPES.filter(({name}) => LONG || !LAID_OUT_OTHERWISE.test(name));
const NOTHING: Traces = {mounts: [], loops: [], processes: []};

function allowedFor(recipe: Recipe): Allowed {
  return WITHOUT_TYPES.includes(recipe.name) ? {...FUSE_DIFFERENCES, ...UNTYPED} : FUSE_DIFFERENCES;
}

function named(name: string): Recipe {
  const recipe = RECIPES.find((each) => each.name === name);
  if (recipe === undefined) throw new Error(`no recipe ${name}`);
  return recipe;
}

/** The shell's arguments that hash all files of a few directories, in one order or the other. */
function hashCommand(root: string, reverse: boolean): string[] {
  const sort = `LC_ALL=C sort -z ${reverse ? '-r' : ''}`;
  const command = `cd "$1" && find sizes fragmented names xattrs -type f -print0 | ${sort} | xargs -0 cat | sha256sum`;
  return ['-o', 'pipefail', '-c', command, 'bash', root];
}

async function hashBelow(root: string, reverse: boolean): Promise<string> {
  const child = spawn('bash', hashCommand(root, reverse), {stdio: ['ignore', 'pipe', 'inherit']});
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const [code] = await once(child, 'close');
  return `${code} ${Buffer.concat(pieces).toString().trim()}`;
}

describe.skipIf(reason !== undefined)(`contained mounts show what the kernel shows${title}`, () => {
  for (const recipe of MOUNTED) {
    const lack = lacking(recipe);
    test.skipIf(lack !== undefined)(
      `${recipe.name}: ${recipe.feature}${skipped(lack)}`,
      async () => {
        const image = ownImageOf(recipe);
        const kernel = expected(recipe);
        const ours = await withContainedMount(image, (target) => {
          const line = tracesOf(target).mounts[0] ?? '';
          // The mode under test: FUSE, and what every mount of ours is.
          expect(line).toMatch(/ ro,nosuid,nodev.* - fuse(\.|blk)/);
          return snapshot(target);
        });
        expect(differences(recipe, kernel, ours, allowedFor(recipe))).toEqual([]);
        expect(tracesOf(image)).toEqual(NOTHING);
      },
      120_000,
    );
  }
});

describe.skipIf(reason !== undefined)(`reading through a contained mount${title}`, () => {
  for (const name of ['ext4-1k', 'ext2-1k', 'inline-data', 'bigalloc', 'ea-inode', 'dirty']) {
    test(`${name}: random places, by pread and by mmap`, async () => {
      const recipe = named(name);
      const tree = expected(recipe);
      const requests = randomReads(tree, new Random(1), 600);
      await withContainedMount(ownImageOf(recipe), (target) =>
        withOracle(recipe, (root) => {
          for (const [i, request] of requests.entries()) {
            const same = perform(root, request).equals(perform(target, request));
            expect(same, JSON.stringify(request)).toBe(true);
            if (i % 8 !== 0) continue;
            const size = tree.entries.get(request.path)?.size ?? 0;
            const mapped = performMapped(root, request, size).equals(performMapped(target, request, size));
            expect(mapped, `mmap ${JSON.stringify(request)}`).toBe(true);
          }
        }),
      );
    }, 120_000);
  }

  test('several readers at once read the same as one', async () => {
    const recipe = named('ext4');
    const wanted = [false, true].map((reverse) =>
      withOracle(recipe, (root) => {
        const {status, stdout} = spawnSync('bash', hashCommand(root, reverse), {encoding: 'utf8'});
        return `${status} ${stdout.trim()}`;
      }),
    );
    expect(wanted[0]).toMatch(/^0 /);
    expect(wanted[0]).not.toBe(wanted[1]);
    await withContainedMount(ownImageOf(recipe), async (target) => {
      const orders = [false, true, false, true, false, true];
      const found = await Promise.all(orders.map((reverse) => hashBelow(target, reverse)));
      expect(found).toEqual(orders.map((reverse) => wanted[reverse ? 1 : 0]));
    });
  }, 120_000);
});

describe.skipIf(reason !== undefined)(`caches${title}`, () => {
  test('after the kernel forgot everything, everything is shown again', async () => {
    const recipe = named('ext4-1k');
    const kernel = expected(recipe);
    await withContainedMount(ownImageOf(recipe), (target) => {
      for (let i = 0; i < 3; i++) {
        expect(differences(recipe, kernel, snapshot(target), FUSE_DIFFERENCES)).toEqual([]);
        // Directory entries and inodes are let go; the server is told to forget them.
        writeFileSync('/proc/sys/vm/drop_caches', '2');
      }
    });
  });

  test('a server that was asked for 50,000 files again and again stays small', async () => {
    await withContainedMount(ownImageOf(named('many-entries')), (target) => {
      const servers = serversOf(target);
      const sizes: number[] = [];
      for (let i = 0; i < 5; i++) {
        const {stdout} = spawnSync('find', [target, '-printf', '%s %p\n'], {
          encoding: 'latin1',
          maxBuffer: 1 << 28,
        });
        expect(stdout.length).toBeGreaterThan(1_000_000);
        writeFileSync('/proc/sys/vm/drop_caches', '2');
        sizes.push(memoryOf(servers));
      }
      expect(sizes[0]).toBeGreaterThan(10 * MIB);
      for (const size of sizes) expect(size).toBeLessThan(MOST_MEMORY);
    });
  });

  test('two mounts at once do not know of each other', async () => {
    const [one, other] = [named('ext4-2k'), named('ext2-4k')];
    await withContainedMount(ownImageOf(one), (first) =>
      withContainedMount(ownImageOf(other), (second) => {
        const servers = [first, second].map((target) => serversOf(target));
        expect(new Set(servers.flat()).size).toBe(servers.flat().length);
        const owners = servers.map(([pid]) => statSync(`/proc/${pid}`).uid);
        expect(owners[0]).not.toBe(owners[1]);
        expect(owners).not.toContain(0);
        expect(differences(one, expected(one), snapshot(first), FUSE_DIFFERENCES)).toEqual([]);
        expect(differences(other, expected(other), snapshot(second), FUSE_DIFFERENCES)).toEqual([]);
      }),
    );
  });
});

describe.skipIf(reason !== undefined)(`names that fold${title}`, () => {
  test('are found in every spelling, in the directory that folds and in no other', async () => {
    const names = [...expected(named('casefold')).entries.keys()].filter((key) => /^folded\/entry/.test(key));
    expect(names.length).toBeGreaterThan(1000);
    await withContainedMount(ownImageOf(named('casefold')), (target) => {
      for (const name of names) {
        const loud = name.replace(/[^/]+$/, (last) => last.toUpperCase());
        expect(statSync(`${target}/${loud}`).ino, loud).toBe(statSync(`${target}/${name}`).ino);
      }
      for (const [name, ...spellings] of FOLDED_NAMES) {
        for (const spelling of spellings) {
          expect(readFileSync(`${target}/folded/${spelling}`, 'utf8'), spelling).toBe(name);
        }
      }
      expect(existsSync(`${target}/folded/Strase`)).toBe(false);
      expect(existsSync(`${target}/LOST+FOUND`)).toBe(false);
    });
  });
});

describe.skipIf(reason !== undefined)(`after the unmount${title}`, () => {
  test('nothing is left, and while it lasted there was something', async () => {
    const image = ownImageOf(named('ext4'));
    const before = readFileSync(image);
    let servers: number[] = [];
    const during = await withContainedMount(image, (target) => {
      servers = serversOf(target);
      return tracesOf(image, servers);
    });
    expect(during.mounts.length + during.loops.length).toBeGreaterThan(0);
    expect(during.processes.length).toBeGreaterThan(0);
    expect(tracesOf(image, servers)).toEqual(NOTHING);
    expect(before.equals(readFileSync(image))).toBe(true);
  });

  test('an image with a dirty journal is not written to', async () => {
    const image = ownImageOf(named('dirty'));
    const before = readFileSync(image);
    await withContainedMount(image, (target) => snapshot(target));
    expect(before.equals(readFileSync(image))).toBe(true);
  });
});
