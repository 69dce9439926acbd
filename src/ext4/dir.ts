export {type EmitEntry, readdir} from './dir-list.js';
export {type DirEntry, lookup} from './dir-lookup.js';
