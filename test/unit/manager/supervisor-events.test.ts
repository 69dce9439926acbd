import {expect, test} from 'vitest';
import {EventLog} from '../../../src/manager/event-log.js';
import type {ManagerLog} from '../../../src/manager/log.js';
import type {Health} from '../../../src/manager/model.js';
import type {Registry} from '../../../src/manager/registry.js';
import {Supervisor} from '../../../src/manager/supervisor.js';
import type {WatchedMount} from '../../../src/manager/watched-mount.js';

const SILENT = {debug() {}, info() {}, warn() {}, error() {}} as unknown as ManagerLog;

function mountNamed(id: string): WatchedMount & {health: Health} {
  const policy = {slowRequestMs: 5_000, onServerDeath: 'keep'};
  return {id, target: `/${id}`, health: 'ok', policy, leaving: true} as unknown as WatchedMount & {
    health: Health;
  };
}

test('a server that is slow and well in turns does not push the events of others out of the log', () => {
  let now = 0;
  const clock = {now: () => now, monotonic: () => now};
  const events = new EventLog(clock.now, (error) => expect.fail(String(error)));
  const registry = {isMounted: () => true} as unknown as Registry;
  const supervisor = new Supervisor({registry, events, log: SILENT, clock});
  const [hostile, other] = [mountNamed('hostile'), mountNamed('other')];
  supervisor.healthChanged(other, 'slow');
  // An hour of what a server can do with its answers to pings, and by breaking the rules.
  for (; now < 3_600_000; now += 500) {
    hostile.health = hostile.health === 'ok' ? 'slow' : 'ok';
    supervisor.healthChanged(hostile, hostile.health === 'ok' ? 'slow' : 'ok');
    if (now % 5_000 === 0) supervisor.breach(hostile, {kind: 'protocol', code: 'rate', message: ''});
  }
  const kept: Array<{mount: string | null; details: Record<string, unknown>}> = [];
  events.subscribe(0, (event) => kept.push(event));
  expect(kept[0]).toMatchObject({mount: 'other'});
  expect(kept.length).toBeLessThan(200);
  expect(kept.at(-1)!.details['keptBack']).toBeGreaterThan(0);
});
