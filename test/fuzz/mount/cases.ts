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
  readonly #crafted: Array<{ground: Ground; damage: Damage}>;

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
    this.#crafted = this.#grounds.flatMap((ground) => ground.damages.map((damage) => ({ground, damage})));
  }

  /**
   * Damages the image of a case, which no other case may use before it is undone. The first cases of any seed are the crafted kinds
   * of damage, one each with its checksums right; those after them are crafted, at random, or both.
   */
  begin(n: number): Case {
    const first = this.#crafted[n];
    if (first !== undefined) return this.#damage(first.ground, [first.damage], undefined, true);
    const random = new Random(this.#seed + n);
    const ground = this.#grounds[n % this.#grounds.length]!;
    const crafted = ground.damages.length > 0 && random.below(3) === 0;
    const sealing = random.below(4) !== 0;
    const damages = crafted ? [random.pick(ground.damages)] : [];
    return this.#damage(ground, damages, !crafted || random.below(2) === 0 ? random : undefined, sealing);
  }

  #damage(
    {name, bench, file, fd}: Ground,
    damages: readonly Damage[],
    random: Random | undefined,
    sealing: boolean,
  ): Case {
    const words: string[] = [];
    bench.sealing = sealing;
    for (const damage of damages) {
      words.push(damage.name);
      damage.make(bench);
    }
    if (random !== undefined) {
      const mutation = randomMutation(bench.image, bench.structures, random);
      words.push(mutation.description);
      bench.mutate(mutation);
    }
    if (sealing && bench.fixer.applies) words.push('checksums made to fit');
    const touched = bench.changed;
    const write = (): void => {
      for (const [start, length] of touched) writeSync(fd, bench.image, start, length, start);
    };
    write();
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
