export {BlockCache, type BlockCacheOptions} from './cache.js';
export {type CacheCounters, newCacheCounters} from './cache-counters.js';
export {RemovedKeys} from './removed-keys.js';
export {type BlockSource, FileSource, type PositionedRead} from './source.js';
