import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {ChecksumFixer} from '../support/checksums.js';
import {cannotContain, fuseward, serversOf, tracesOf} from '../support/contained-mount.js';
import {imageOf, lacking} from '../support/images.js';
import {MUTANTS} from '../support/mutant-recipes.js';
import {apply, randomMutation} from '../support/mutate.js';
import {cannotMount, skipped} from '../support/oracle.js';
import {statfs} from '../support/posix.js';
import {Random} from '../support/random.js';
import {codeOf} from '../support/snapshot-diff.js';
import {structuresOf} from '../support/structures.js';

/** Damaged images mounted for real: a bounded number of those cases that the driver itself is given by thousands. */
const reason = cannotMount() ?? cannotContain();
const title = skipped(reason);
const SEED = 7_000_000;
const CASES_AN_IMAGE = 8;
/** A walk takes a second; one that does not end in this time hangs. */
const PATIENCE_MS = 30_000;

/** Lists everything, reads of every file and asks for all attributes; what fails is as good as what succeeds. */
const WALK = `
cd "$1" || exit 3
find . -xdev -ls 2>&1 | head -n 5000 > /dev/null
find . -xdev -type f -print0 2> /dev/null | head -z -n 200 | xargs -0 -r head -q -c 100000 2>&1 | head -c 20000000 > /dev/null
getfattr -R -h -d -m - . 2>&1 | head -n 5000 > /dev/null
:`;

describe.skipIf(reason !== undefined)(`mutated images, mounted${title}`, () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'fuseward-mutated-'));
  });
  afterAll(() => rmSync(directory, {recursive: true}));

  for (const recipe of MUTANTS) {
    const lack = lacking(recipe);
    test.skipIf(lack !== undefined)(
      `${recipe.name} (${recipe.feature}): ${CASES_AN_IMAGE} cases${skipped(lack)}`,
      () => {
        const path = imageOf(recipe);
        const bytes = new Uint8Array(readFileSync(path));
        const structures = structuresOf(path);
        const fixer = new ChecksumFixer(bytes, structures);
        const image = join(directory, `${recipe.name}.img`);
        const target = join(directory, `${recipe.name}.mount`);
        mkdirSync(target);
        let walked = 0;
        for (let n = 0; n < CASES_AN_IMAGE; n++) {
          const mutation = randomMutation(bytes, structures, new Random(SEED + n));
          const undo = apply(bytes, mutation, fixer.applies && n % 2 === 0 ? fixer : undefined);
          writeFileSync(image, bytes);
          undo();
          const result = outcome(image, target);
          expect(result, `case ${n}: ${mutation.description}`).toMatch(/^(refused|walked)$/);
          if (result === 'walked') walked++;
          expect(tracesOf(image)).toEqual({mounts: [], loops: [], processes: []});
        }
        expect(walked).toBeGreaterThan(0);
      },
      240_000,
    );
  }
});

/** Mounts, walks and unmounts; says what became of it, or what should not have. */
function outcome(image: string, target: string): string {
  const mounted = fuseward('mount', '-t', 'ext4', image, target);
  if (mounted.status !== 0) {
    const told = /^fuseward: .+\n$/.test(mounted.stderr);
    return mounted.status === 1 && told ? 'refused' : `mount ended with ${mounted.status}: ${mounted.stderr}`;
  }
  const servers = serversOf(target);
  const walk = spawnSync('bash', ['-c', WALK, 'bash', target], {timeout: PATIENCE_MS, killSignal: 'SIGKILL'});
  const alive = answers(target);
  const unmounted = fuseward('umount', target);
  if (walk.error !== undefined || walk.status !== 0) return `walk: ${walk.error?.message ?? walk.status}`;
  if (alive !== 'yes') return `the server does not answer: ${alive}`;
  if (unmounted.status !== 0) return `umount ended with ${unmounted.status}: ${unmounted.stderr}`;
  const left = tracesOf(target, servers);
  return left.processes.length + left.mounts.length === 0 ? 'walked' : `left: ${JSON.stringify(left)}`;
}

function answers(target: string): string {
  try {
    statfs(target);
    return 'yes';
  } catch (error) {
    // An errno of the driver's is an answer, too; that nobody is there is none.
    const code = codeOf(error);
    return code === 'EUCLEAN' || code === 'EBADMSG' ? 'yes' : code;
  }
}
