import {closeSync, copyFileSync, openSync, readFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {ChecksumFixer} from '../../support/checksums.js';
import {imageOf, lacking} from '../../support/images.js';
import {MUTANTS} from '../../support/mutant-recipes.js';
import {apply, randomMutation} from '../../support/mutate.js';
import {Random} from '../../support/random.js';
import {type Structure, structuresOf} from '../../support/structures.js';

/** An image that cases are made of: in memory, and as the file that is mounted. */
interface Ground {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly structures: readonly Structure[];
  readonly fixer: ChecksumFixer;
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
      const bytes = new Uint8Array(readFileSync(path));
      const structures = structuresOf(path);
      const file = join(directory, `${recipe.name}.img`);
      copyFileSync(path, file);
      const fixer = new ChecksumFixer(bytes, structures);
      return {name: recipe.name, bytes, structures, fixer, file, fd: openSync(file, 'r+')};
    });
  }

  /** Damages the image of a case, which no other case may use before it is undone. */
  begin(n: number): Case {
    const random = new Random(this.#seed + n);
    const ground = this.#grounds[n % this.#grounds.length]!;
    const mutation = randomMutation(ground.bytes, ground.structures, random);
    const fixed = ground.fixer.applies && random.below(4) !== 0;
    const touched = [
      ...mutation.structures.map(({start, length}) => [start, length] as const),
      ...mutation.changes.map(({position, bytes}) => [position, bytes.length] as const),
    ];
    const write = (): void => {
      for (const [start, length] of touched) writeSync(ground.fd, ground.bytes, start, length, start);
    };
    const restore = apply(ground.bytes, mutation, fixed ? ground.fixer : undefined);
    write();
    return {
      description: `${ground.name}: ${mutation.description}${fixed ? ', checksums made to fit' : ''}`,
      file: ground.file,
      undo: () => {
        restore();
        write();
      },
    };
  }

  close(): void {
    for (const {fd} of this.#grounds) closeSync(fd);
  }
}
