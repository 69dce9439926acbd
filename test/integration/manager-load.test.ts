import {createInterface} from 'node:readline';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {MountView} from '../../src/manager/model.js';
import {LONG} from '../support/forms.js';
import {missingForManager, Room, SOON_MS} from './manager-support.js';

const missing = missingForManager();
const MANY = LONG ? 50 : 20;
let room: Room;

/** What of a view stays as it is while the mount is in use. */
function lasting({
  waiting: _,
  health: __,
  connected: ___,
  containment: ____,
  seal: _____,
  ...rest
}: MountView): object {
  return rest;
}

describe.skipIf(missing)(`the manager under load${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(async () => {
    room = await Room.create();
  });
  afterEach(() => room.close());

  test('a daemon that is killed and started again costs no client an error, and knows the same mounts', async () => {
    const first = await room.daemon();
    const targets = [room.mount('one').target, room.mount('two').target];
    for (const target of targets) await room.seen(target, ({health}) => health === 'ok');
    const before = (await room.mounts()).map(lasting);
    // Each round reads and lists everything.
    const walk =
      'while true; do cat "$1"/*.ts "$2"/*.ts >/dev/null || exit 1; find "$1" "$2" -ls >/dev/null || exit 1; echo round; done';
    const client = room.start('sh', '-c', walk, 'sh', ...targets);
    let rounds = 0;
    createInterface({input: client.stdout!}).on('line', () => rounds++);
    const goesOn = async (): Promise<boolean> => {
      const from = rounds;
      return eventually(() => rounds > from + 3, SOON_MS);
    };
    expect(await goesOn()).toBe(true);
    let daemon = first;
    for (let life = 0; life < 3; life++) {
      expect(await daemon.end('SIGKILL')).toBeNull();
      expect(await goesOn()).toBe(true);
      daemon = await room.daemon();
      expect((await room.mounts()).map(lasting)).toEqual(before);
      for (const target of targets) {
        expect(await room.seen(target, ({connected}) => connected)).toMatchObject({
          connected: true,
          health: 'ok',
        });
      }
      expect(await goesOn()).toBe(true);
    }
    expect(client.exitCode).toBeNull();
    client.kill('SIGKILL');
    expect(await daemon.end()).toBe(0);
  });

  test(`${MANY} mounts at once are made, listed, scraped and removed`, {timeout: 180_000}, async () => {
    const daemon = await room.daemon();
    const places = Array.from({length: MANY}, (_, index) => room.image(`disk${index}`));
    const made = await Promise.all(
      places.map(({image, target}) =>
        room.ask<MountView>('POST', '/v1/mounts', {source: image, target, type: 'ext4'}),
      ),
    );
    // The whole answer, so that a failure says why.
    expect(made.filter(({status}) => status !== 201)).toEqual([]);
    const targets = new Set(places.map(({target}) => target));
    for (const {body} of made) await room.seen(body.target, ({health}) => health === 'ok');
    const listed = await room.mounts();
    expect(new Set(listed.map(({target}) => target))).toEqual(targets);
    expect(listed.filter(({health, connected}) => health !== 'ok' || !connected)).toEqual([]);
    expect(new Set(listed.map(({containment}) => containment?.uid)).size).toBe(MANY);
    const stats = await Promise.all(listed.map(({id}) => room.ask('GET', `/v1/mounts/${id}/stats`)));
    expect(stats.filter(({status}) => status !== 200)).toEqual([]);
    const {body} = await room.ask<{totals: object}>('GET', '/v1/status');
    expect(body.totals).toMatchObject({mounts: MANY, ours: MANY, mountsMade: MANY, unhealthy: 0});

    const removed = await Promise.all(listed.map(({id}) => room.ask('DELETE', `/v1/mounts/${id}`)));
    expect(removed.filter(({status}) => status >= 300)).toEqual([]);
    expect(await room.mounts()).toEqual([]);
    await eventually(() => room.leftovers().loops.length === 0, SOON_MS);
    expect(room.leftovers()).toEqual({mounts: [], loops: [], records: [], sockets: []});
    expect(daemon.log().filter(({level}) => level === 'error')).toEqual([]);
    expect(await daemon.end()).toBe(0);
  });
});
