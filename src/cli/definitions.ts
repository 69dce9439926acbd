import {cacheDefinition} from './cache/options.js';
import type {CommandDefinition} from './command.js';
import {completionDefinition} from './completion/options.js';
import {daemonDefinition} from './daemon/options.js';
import {doctorDefinition} from './doctor/options.js';
import {eventsDefinition} from './events/options.js';
import {installDefinition} from './install/options.js';
import {lsDefinition} from './ls/options.js';
import {mkstripefsDefinition} from './mkstripefs/options.js';
import {mountDefinition} from './mount/options.js';
import {freezeDefinition, shutdownDefinition, syncDefinition, thawDefinition} from './orders/options.js';
import {policyDefinition} from './policy/options.js';
import {serveDefinition} from './serve/options.js';
import {statsDefinition} from './stats/options.js';
import {statusDefinition} from './status/options.js';
import {topDefinition} from './top/options.js';
import {umountDefinition} from './umount/options.js';
import {uninstallDefinition} from './uninstall/options.js';

/** Every command, in the order in which help texts list them. */
export const DEFINITIONS: readonly CommandDefinition[] = [
  mountDefinition,
  umountDefinition,
  lsDefinition,
  statusDefinition,
  statsDefinition,
  cacheDefinition,
  topDefinition,
  eventsDefinition,
  freezeDefinition,
  thawDefinition,
  syncDefinition,
  shutdownDefinition,
  daemonDefinition,
  doctorDefinition,
  policyDefinition,
  mkstripefsDefinition,
  installDefinition,
  uninstallDefinition,
  completionDefinition,
  serveDefinition,
];
