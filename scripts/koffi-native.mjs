// Stands for koffi inside our programs: the native module alone, without the search for it.
import {createRequire} from 'node:module';

const require = createRequire(import.meta.url);

function load() {
  try {
    return require('./koffi.node');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
  }
  try {
    // koffi's own dependency, which need not be in a place that we see.
    return createRequire(require.resolve('koffi'))(`@koromix/koffi-linux-${process.arch}`);
  } catch {
    return require('koffi');
  }
}

export default load();
