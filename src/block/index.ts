export {BlockCache, type BlockCacheCounters, type BlockCacheOptions} from './cache.js';
export {type BlockSource, FileSource} from './source.js';
