import {isMainThread} from 'node:worker_threads';
import {RequestThreadHandle} from './request-thread-handle.js';
import {logWarnings} from './unexpected.js';

// Each thread loads what it runs and nothing else, and the second one starts before the first has loaded anything.
logWarnings();
if (isMainThread) {
  const thread = new RequestThreadHandle(new URL(import.meta.url));
  import('./main-thread.js').then(({runMainThread}) => runMainThread(thread));
} else {
  import('./request-thread.js').then(({runRequestThread}) => runRequestThread());
}
