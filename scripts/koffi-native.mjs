// Stands for koffi inside the server program: the native module alone, without the search for it.
import {createRequire} from 'node:module';

const require = createRequire(import.meta.url);

function load() {
  try {
    return require('./koffi.node');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return require('koffi');
  }
}

export default load();
