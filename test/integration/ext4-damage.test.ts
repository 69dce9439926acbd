import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {Volume} from '../../src/ext4/index.js';
import {answerTo, DAMAGES, DamageBench, damageImage, Questions} from '../support/damage/index.js';
import {exercise} from '../support/exercise.js';
import {MeteredSource} from '../support/metered-source.js';
import {MUTANTS} from '../support/mutant-recipes.js';
import {cannotMount, skipped} from '../support/oracle.js';

/**
 * Images as somebody would craft them: one kind of damage each, and every checksum right. What the driver answers is written down
 * with each, the rest of the image has to be as usable as ever, and e2fsck has to see the damage and not a checksum.
 */
const reason = cannotMount();
const title = skipped(reason);

const CHECKSUM_COMPLAINT = /checksum does not match|checksum invalid|fails checksum|bad checksum/i;

describe.skipIf(reason !== undefined)(`crafted damage${title}`, () => {
  const benches = new Map<string, DamageBench>();
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'fuseward-damage-'));
  });
  afterAll(() => rmSync(directory, {recursive: true}));

  function benchOf(image: string): DamageBench | undefined {
    const path = damageImage(image);
    if (path === undefined) return undefined;
    const bench = benches.get(image) ?? new DamageBench(path);
    benches.set(image, bench);
    return bench;
  }

  /** Everything e2fsck says, changing nothing. */
  function e2fsck(bench: DamageBench): string {
    const path = join(directory, 'judged.img');
    writeFileSync(path, bench.image);
    const {stdout, stderr} = spawnSync('e2fsck', ['-fn', path], {encoding: 'utf8'});
    return stdout + stderr;
  }

  for (const [what, damages] of Object.entries(DAMAGES)) {
    describe(what, () => {
      for (const damage of damages) {
        test(damage.name, ({skip}) => {
          const bench = benchOf(damage.image);
          if (bench === undefined) return skip(`${damage.image} can't be made here`);
          const sound = Buffer.from(bench.image);
          try {
            damage.make(bench);
            let volume: Volume | undefined;
            const opened = answerTo(() => {
              volume = Volume.open(new MeteredSource(bench.image, 20_000, 3 * bench.image.length), {
                cacheLimit: 1 << 20,
              });
              return 'opened';
            });
            expect(opened).toMatch(damage.refused ?? 'opened');
            if (volume !== undefined) {
              const ask = new Questions(volume, bench);
              for (const [question, answer] of damage.answers) {
                const found = answerTo(() => question(ask));
                if (typeof answer === 'string') expect(found).toBe(answer);
                else expect(found).toMatch(answer);
              }
            }
            // Everything else that can be asked has an answer or an error of ours, too.
            exercise(bench.image);
            if (damage.judge !== undefined) {
              const said = e2fsck(bench);
              expect(said).toMatch(damage.judge);
              expect(said).not.toMatch(CHECKSUM_COMPLAINT);
            }
          } finally {
            bench.undo();
          }
          expect(bench.image.equals(sound)).toBe(true);
        });
      }
    });
  }

  test('e2fsck finds nothing wrong with the sound images', () => {
    for (const [image, bench] of benches) {
      // A journal that waits to be replayed is no damage, but e2fsck says a lot without it.
      if (MUTANTS.find(({name}) => name === image)?.dirty !== undefined) continue;
      expect(e2fsck(bench), image).not.toMatch(/fix|Fix|clear|Clear|<y>|no$/m);
    }
  });

  test('without the checksums made to fit, those are what is found', () => {
    const bench = benchOf('mutant-checksums')!;
    bench.sealing = false;
    try {
      for (const damage of DAMAGES['inodes']!.slice(0, 4)) {
        damage.make(bench);
        const source = new MeteredSource(bench.image, 20_000, 3 * bench.image.length);
        const volume = Volume.open(source, {cacheLimit: 1 << 20});
        const ask = new Questions(volume, bench);
        expect(answerTo(() => damage.answers[0]![0](ask))).toMatch(/^EBADMSG/);
        expect(e2fsck(bench)).toMatch(CHECKSUM_COMPLAINT);
        bench.undo();
      }
    } finally {
      bench.undo();
      bench.sealing = true;
    }
  });
});
