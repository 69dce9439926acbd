import {Resolver} from 'node:dns/promises';
import {RELAY_READY, type RelayPlan} from '../control/relay-plan.js';
import {prepareBreadcrumb} from '../server/breadcrumb.js';
import {closeUnknown} from '../server/descriptors.js';
import {lockDownFilter, restrictProcess, restrictRuntimeThreads} from '../server/lock-down.js';
import {log} from '../server/log.js';
import {restrictThread} from '../server/restrict-thread.js';
import {endOnException, logWarnings} from '../server/unexpected.js';
import {exitNow} from '../sys/exit.js';
import {OwnedFd} from '../sys/fd.js';
import {sendPacket} from '../sys/message.js';
import {gettid} from '../sys/process.js';
import {watchReadable} from '../sys/watch.js';
import {Journal} from './journal.js';
import {Relay} from './relay.js';
import {relaySystemCalls} from './system-calls.js';

/** Where the launcher waits for a word. */
const CONVERSATION_FD = 3;
const DOMAIN_PORT = 53;
const NAME_SERVER_MS = 2_000;

function resolverFor(plan: RelayPlan): Resolver | undefined {
  if (!plan.listeners.some(({ask}) => ask)) return undefined;
  const resolver = new Resolver({timeout: NAME_SERVER_MS, tries: 2});
  resolver.setServers(plan.nameServers);
  return resolver;
}

/** From here on it accepts, connects to the granted ports, and passes bytes; nothing else is left to it. */
function lockDown(plan: RelayPlan, asksNames: boolean): void {
  // The runtime looks for the time zone when it first shows a time.
  new Date().getHours();
  const kept = [CONVERSATION_FD, plan.watch, ...plan.listeners.map(({fd}) => fd)];
  closeUnknown(new Set(plan.log === undefined ? kept : [...kept, plan.log]));
  const ports = plan.listeners.map(({port}) => port);
  restrictThread(asksNames ? [...ports, DOMAIN_PORT] : ports);
  restrictRuntimeThreads([gettid()]);
  restrictProcess(lockDownFilter(prepareBreadcrumb, relaySystemCalls({asksNames})));
}

async function start(plan: RelayPlan): Promise<void> {
  const resolver = resolverFor(plan);
  const journal = new Journal(plan.log);
  const relay = new Relay(journal);
  for (const listener of plan.listeners) await relay.serve(listener, resolver);
  watchReadable(plan.watch, () => exitNow(0));
  lockDown(plan, resolver !== undefined);
  sendPacket(CONVERSATION_FD, new TextEncoder().encode(RELAY_READY));
  new OwnedFd(CONVERSATION_FD).close();
}

logWarnings();
endOnException();
process.on('SIGTERM', () => exitNow(0));
start(JSON.parse(process.argv[2] ?? '{}') as RelayPlan).catch((error: unknown) => {
  log('error', {error: String(error)}, 'the relay failed');
  exitNow(1);
});
