/**
 * The first file of a program: NAME.js runs NAME.code.js, with what V8 compiled of it when it was built (NAME.cache). Compiling is a good part of a
 * short program's time. V8 itself refuses a cache of another version, of other flags, or of a text of another length, and the program is
 * then compiled as ever. The cache is code: whoever may write it may write the program, so it lies beside it, with the same owner.
 */
import {readFileSync} from 'node:fs';
import {setFlagsFromString} from 'node:v8';
import {Script} from 'node:vm';
import {isMainThread} from 'node:worker_threads';
import {type ImportFile, wrapped} from './script.js';

declare const require: NodeJS.Require;
declare const module: NodeJS.Module;

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

// V8 compares all of its flags, and this one has a value of its own for each policy. It has done its work: the heap has its limit already, and
// a thread is given its own.
if (isMainThread) setFlagsFromString('--max-old-space-size=0');

const stem = __filename.replace(/\.c?js$/, '');
const text = readFileSync(`${stem}.code.js`, 'latin1');
const cachedData = contentOf(`${stem}.cache`);
const script = new Script(wrapped(text), {
  filename: `${stem}.code.js`,
  ...(cachedData === undefined ? {} : {cachedData}),
});
const importFile: ImportFile = (url) => import(url);
// It sees itself as this file: its neighbours are the same, and a thread of it starts as it did.
script.runInThisContext()(module.exports, require, module, __filename, __dirname, importFile);
