import {readFileSync} from 'node:fs';
import {Script} from 'node:vm';
import type {ImportFile} from './import-file.js';

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** A code file and what V8 compiled of it, read and not run. */
export interface Code {
  readonly filename: string;
  readonly text: string;
  readonly cachedData: Buffer | undefined;
}

/** Reads STEM.code.js and STEM.cache. The latter need not be there. @throws Error of the file system */
export function readCode(stem: string): Code {
  const filename = `${stem}.code.js`;
  return {filename, text: readFileSync(filename, 'latin1'), cachedData: contentOf(`${stem}.cache`)};
}

/**
 * Runs STEM.code.js, which is a function as Node makes of CommonJS modules, with what V8 compiled of it when it was built (STEM.cache). Compiling is a good part of a short program's time. V8 itself
 * refuses a cache of another version, of other flags, or of a text of another length, and the program is then compiled as ever. The
 * cache is code: whoever may write it may write the program, so it lies beside it, with the same owner.
 *
 * The code sees itself as the first file: its neighbours are the same.
 * @param shared modules of code that was loaded before, for code that has them from there
 * @returns what it exports
 */
export function runCode({filename, text, cachedData}: Code, first: NodeJS.Module, shared?: unknown): unknown {
  const script = new Script(text, {
    filename,
    ...(cachedData === undefined ? {} : {cachedData}),
  });
  const importFile: ImportFile = (url) => import(url);
  const module = {exports: {}};
  script.runInThisContext()(
    module.exports,
    first.require,
    module,
    first.filename,
    first.path,
    importFile,
    shared,
  );
  return module.exports;
}

/** Reads and runs. @returns what it exports */
export function loadCode(stem: string, first: NodeJS.Module, shared?: unknown): unknown {
  return runCode(readCode(stem), first, shared);
}
