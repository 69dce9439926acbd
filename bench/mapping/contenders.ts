import type {RangeIndex} from '../../test/support/mapping-model.js';
import {BPlusTree} from './b-plus-tree.js';
import {Chunked} from './chunked.js';
import {LearnedIndex} from './learned-index.js';
import {SortedArray} from './sorted-array.js';
import {StoreIndex} from './store-index.js';

export interface Contender {
  readonly name: string;
  make(): RangeIndex & {readonly bytes: number};
  /** Inserts in the middle of so many entries take too long to be measured. */
  readonly movesAll: boolean;
}

export const CONTENDERS: readonly Contender[] = [
  {name: 'sorted array', make: () => new StoreIndex(new SortedArray()), movesAll: true},
  {name: 'chunked array (used)', make: () => new Chunked(), movesAll: false},
  {name: 'B+tree', make: () => new StoreIndex(new BPlusTree()), movesAll: false},
  {name: 'learned index', make: () => new StoreIndex(new LearnedIndex()), movesAll: false},
];
