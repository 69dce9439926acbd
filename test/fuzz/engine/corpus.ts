import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {CHECKOUT} from '../../support/checkout.js';

const CORPUS = join(CHECKOUT, 'test', 'fuzz', 'corpus');
/** What open-ended runs add, which is kept from run to run but is no part of the project. */
const GROWN = join(CHECKOUT, '.cache', 'fuzz-corpus');

function inputsIn(folder: string): Buffer[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).sort();
  return names.map((name) => readFileSync(join(folder, name)));
}

/** The inputs that a target starts with: those of the project, and what earlier runs found if `grown`. */
export function corpusOf(target: string, grown: boolean): Buffer[] {
  return [...inputsIn(join(CORPUS, target)), ...(grown ? inputsIn(join(GROWN, target)) : [])];
}

/** Keeps an input that reached something new. */
export function keepGrown(target: string, input: Uint8Array): void {
  const folder = join(GROWN, target);
  mkdirSync(folder, {recursive: true});
  const name = createHash('sha256').update(input).digest('hex').slice(0, 16);
  writeFileSync(join(folder, name), input);
}

/** Puts an input into the project's corpus. @param name tells where it is from, or what it found */
export function keepSeed(target: string, name: string, input: Uint8Array): void {
  const folder = join(CORPUS, target);
  mkdirSync(folder, {recursive: true});
  writeFileSync(join(folder, name), input);
}

/** A folder for inputs that failed. */
export function failureFolder(): string {
  const folder = join(CHECKOUT, '.cache', 'fuzz-failures');
  mkdirSync(folder, {recursive: true});
  return folder;
}
