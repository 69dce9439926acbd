import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {CHECKOUT} from '../checkout.js';

/** One instruction of a Dockerfile, as it is written: `RUN`, and all that follows. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** A part of a Dockerfile that makes an image of its own. */
export interface Stage {
  /** What follows AS. */
  readonly name: string;
  /** The image or the earlier stage that it starts with. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** The instructions that are understood here. Another one must be given a meaning before the Dockerfile may use it. */
const KNOWN = ['WORKDIR', 'COPY', 'RUN', 'USER', 'LABEL', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD'];

/** Reads a Dockerfile into its stages. @throws Error for what it does not understand, so that nothing goes by untested */
export function readDockerfile(path: string = join(CHECKOUT, 'Dockerfile')): Stage[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: Array<{name: string; from: string; instructions: Instruction[]}> = [];
  for (const line of lines) {
    const from = /^FROM (\S+) AS (\S+)$/.exec(line);
    if (from !== null) {
      stages.push({from: from[1]!, name: from[2]!, instructions: []});
      continue;
    }
    const [, name, text] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    const stage = stages.at(-1);
    if (name === undefined || text === undefined || !KNOWN.includes(name) || stage === undefined) {
      throw new Error(`not understood: ${line}`);
    }
    stage.instructions.push({name, text: text.trim()});
  }
  return stages;
}

/** The words of `["a", "b"]`, the form that needs no shell. @throws Error for any other form */
export function words(text: string): string[] {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value) || !value.every((word) => typeof word === 'string')) {
    throw new Error(`not a list of words: ${text}`);
  }
  return value;
}

/** The one instruction of a name in a stage, as words. */
export function wordsOf(stage: Stage, name: string): string[] {
  const found = stage.instructions.filter((instruction) => instruction.name === name);
  if (found.length !== 1) throw new Error(`${found.length} times ${name} in ${stage.name}`);
  return words(found[0]!.text.slice(found[0]!.text.indexOf('[')));
}
