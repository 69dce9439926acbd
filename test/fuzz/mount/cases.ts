import {closeSync, copyFileSync, openSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {DAMAGES, type Damage, DamageBench} from '../../support/damage/index.js';
import {imageOf, lacking} from '../../support/images.js';
import {MUTANTS} from '../../support/mutant-recipes.js';
import {randomMutation} from '../../support/mutate.js';
import {Random} from '../../support/random.js';

/** An image that cases are made of: in memory, and as the file that is mounted. */
interface Ground {
  readonly name: string;
  readonly bench: DamageBench;
  /** Kinds of damage that are made for this image. */
  readonly damages: readonly Damage[];
  readonly file: string;
  readonly fd: number;
}

/** A damaged image in a file, ready to be mounted. */
export interface Case {
  readonly description: string;
  readonly file: string;
  /** Makes the file as sound as it was. */
  undo(): void;
}

/** The numbered cases of a seed: number and seed say all that is done to which image. */
export class Cases {
  readonly #seed: number;
  readonly #grounds: Ground[];

  /** @param directory for the files that are mounted */
  constructor(seed: number, directory: string) {
    this.#seed = seed;
    this.#grounds = MUTANTS.filter((recipe) => lacking(recipe) === undefined).map((recipe) => {
      const path = imageOf(recipe);
      const file = join(directory, `${recipe.name}.img`);
      copyFileSync(path, file);
      const damages = Object.values(DAMAGES)
        .flat()
        .filter(({image}) => image === recipe.name);
      return {name: recipe.name, bench: new DamageBench(path), damages, file, fd: openSync(file, 'r+')};
    });
  }

  /**
   * Damages the image of a case, which no other case may use before it is undone: by a crafted damage, at random, or both, with
   * the checksums made to fit in most.
   */
  begin(n: number): Case {
    const random = new Random(this.#seed + n);
    const {name, bench, damages, file, fd} = this.#grounds[n % this.#grounds.length]!;
    const words: string[] = [];
    const crafted = damages.length > 0 && random.below(3) === 0;
    bench.sealing = random.below(4) !== 0;
    if (crafted) {
      const damage = random.pick(damages);
      words.push(damage.name);
      damage.make(bench);
    }
    if (!crafted || random.below(2) === 0) {
      const mutation = randomMutation(bench.image, bench.structures, random);
      words.push(mutation.description);
      bench.mutate(mutation);
    }
    const touched = bench.changed;
    const write = (): void => {
      for (const [start, length] of touched) writeSync(fd, bench.image, start, length, start);
    };
    write();
    if (bench.sealing && bench.fixer.applies) words.push('checksums made to fit');
    return {
      description: `${name}: ${words.join('; ')}`,
      file,
      undo: () => {
        bench.undo();
        write();
      },
    };
  }

  close(): void {
    for (const {fd} of this.#grounds) closeSync(fd);
  }
}
