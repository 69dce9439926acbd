import type {Recipe} from './images.js';
import {COPIES} from './recipes/copies.js';
import {DIRECTORIES} from './recipes/directories.js';
import {FEATURES} from './recipes/features.js';
import {JOURNALS} from './recipes/journals.js';
import {LAYOUTS} from './recipes/layouts.js';

/** Each shows one or more things that the others don't; all are mounted and compared entry by entry. */
export const RECIPES: readonly Recipe[] = [...LAYOUTS, ...DIRECTORIES, ...FEATURES, ...JOURNALS, ...COPIES];
