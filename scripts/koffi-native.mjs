// Stands for koffi inside our programs: the native module alone, without the search for it.
import {join} from 'node:path';

const own = `@koromix/koffi-linux-${process.arch}`;
/** Beside the program, as in a sandbox; else where npm puts it and our packages have it. Each is asked for by its path: to look for a package takes longer than to load it. */
const PLACES = ['koffi.node', join('../../node_modules', own, `linux_${process.arch}`, 'koffi.node')];

function load() {
  for (const place of PLACES) {
    try {
      const module = {exports: {}};
      // Our programs are CommonJS.
      process.dlopen(module, join(__dirname, place));
      return module.exports;
    } catch {
      // It lies elsewhere, or is for another C library.
    }
  }
  // Loaded here alone: it takes up to 4 ms.
  const {createRequire} = process.getBuiltinModule('node:module');
  const require = createRequire(import.meta.url);
  try {
    // koffi's own dependency, which need not be in a place that we see.
    return createRequire(require.resolve('koffi'))(own);
  } catch {
    return require('koffi');
  }
}

export default load();
