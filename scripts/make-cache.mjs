// Makes what V8 has compiled of a program, STEM.cache of STEM.code.js: node make-cache.mjs STEM FIRST_FILE (--all | --ran ARGUMENTS | --rehearsed TYPE EARLIER_STEM)
// --all: every function. The others are less to read at each start: --ran: what ran when the first file was started with these arguments;
// --rehearsed: what ran when the program was loaded, with what it shares with the one of EARLIER_STEM, and its `rehearse` called.
// It is for exactly this Node; another one's V8 doesn't take it, and compiles (src/start/load-code.ts).
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, resolve} from 'node:path';
import {setFlagsFromString} from 'node:v8';
import {Script} from 'node:vm';

const [, , given, name, what, ...args] = process.argv;
const stem = resolve(given);
const text = readFileSync(`${stem}.code.js`, 'latin1');

if (what === '--all') setFlagsFromString('--no-lazy');
const script = new Script(text, {filename: `${stem}.code.js`});
if (what === '--all') setFlagsFromString('--lazy');
const save = () => writeFileSync(`${stem}.cache`, script.createCachedData());

if (what === '--all') save();
else {
  const first = resolve(name);
  if (what === '--ran') {
    process.argv = [process.execPath, first, ...args];
    process.on('exit', save);
  }
  /** As src/start/load-code.ts does. */
  const run = (script, shared) => {
    const module = {exports: {}};
    const importFile = (url) => import(url);
    script.runInThisContext()(
      module.exports,
      createRequire(first),
      module,
      first,
      dirname(first),
      importFile,
      shared,
    );
    return module.exports;
  };
  if (what === '--rehearsed') {
    const [type, earlier] = args;
    const filename = `${resolve(earlier)}.code.js`;
    const {shared} = run(new Script(readFileSync(filename, 'latin1'), {filename}));
    run(script, shared()).rehearse(type);
    save();
  } else run(script);
}
