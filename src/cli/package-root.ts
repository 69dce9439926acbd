import {fileURLToPath} from 'node:url';

/** Where this copy of fuseward lies: the folder with package.json, without a slash at its end. */
export const PACKAGE_ROOT: string = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
