// Makes what V8 has compiled of a program, NAME.cache: node make-cache.mjs (--all | --ran) FIRST_FILE [ARGUMENTS]
// --all: every function. --ran: what ran when the program was started with these arguments, which is less to read at each start.
// It is for exactly this Node; another one's V8 doesn't take it, and compiles (src/start/main.ts).
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, resolve} from 'node:path';
import {setFlagsFromString} from 'node:v8';
import {Script} from 'node:vm';

const [, , what, name, ...args] = process.argv;
const first = resolve(name);
const stem = first.replace(/\.c?js$/, '');
const {wrapped} = await import(resolve(dirname(first), '../start/script.js'));
const text = readFileSync(`${stem}.code.js`, 'latin1');

if (what === '--all') setFlagsFromString('--no-lazy');
const script = new Script(wrapped(text), {filename: `${stem}.code.js`});
if (what === '--all') setFlagsFromString('--lazy');
const save = () => writeFileSync(`${stem}.cache`, script.createCachedData());

if (what === '--all') save();
else {
  process.argv = [process.execPath, first, ...args];
  process.on('exit', save);
  const module = {exports: {}};
  script.runInThisContext()(
    module.exports,
    createRequire(first),
    module,
    first,
    dirname(first),
    (url) => import(url),
  );
}
