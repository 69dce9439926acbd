/** The part of the mount commands' code that runs before the rest is there. */
export {beginMount} from './mount/begin.js';
