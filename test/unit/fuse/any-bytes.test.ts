import {describe, expect, test} from 'vitest';
import {memoryFs} from '../../../examples/memory-fs.js';
import {OPERATIONS} from '../../../src/fuse/dispatch-table.js';
import {type FileSystem, OPCODE} from '../../../src/fuse/index.js';
import {Random} from '../../support/random.js';
import {fileRows} from './rows/file-rows.js';
import {nameRows} from './rows/name-rows.js';
import {otherRows} from './rows/other-rows.js';
import {Harness, request} from './support.js';

const MUTANTS = 6000;
const GARBAGE = 3000;
const sizes = new Map(OPERATIONS.map((row) => [row.opcode, row.replySize]));
/** Values that sit on the edges of fields. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

/** What is wrong with the replies to a request, or undefined. */
function complaint(bytes: Uint8Array, replies: readonly Uint8Array[]): string | undefined {
  if (replies.length > 1) return `${replies.length} replies`;
  const reply = replies[0];
  if (reply === undefined) return undefined;
  const asked = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const view = new DataView(reply.buffer);
  const error = view.getInt32(4, true);
  if (view.getUint32(0, true) !== reply.length) return 'length in the header is not that of the reply';
  if (error > 0 || error < -511) return `error ${error}`;
  if (error !== 0 && reply.length !== 16) return 'an error with a body';
  if (view.getBigUint64(8, true) !== asked.getBigUint64(8, true)) return 'another id';
  const size = sizes.get(asked.getUint32(4, true)) ?? 0;
  if (size === 'none') return 'a reply to what needs none';
  if (error === 0 && size !== 'variable' && reply.length - 16 !== size) return `${reply.length} bytes`;
  return undefined;
}

/** A whole and sound request of any kind. */
function sound(random: Random): Uint8Array {
  const row = random.pick([...nameRows, ...fileRows, ...otherRows]);
  return request(row.op, row.body, {
    nodeid: BigInt(1 + random.below(8)),
    unique: BigInt(2 * random.below(99)),
  });
}

function mutant(random: Random): Uint8Array {
  let bytes = sound(random);
  for (let changes = random.below(4); changes >= 0; changes--) {
    const at = random.below(bytes.length);
    switch (random.below(4)) {
      case 0:
        bytes[at] = random.pick(EDGES);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      default:
        bytes.fill(0xff, at, at + 8);
    }
    // Mostly an honest length, so that the change is reached.
    if (bytes.length >= 4 && random.below(5) > 0) new DataView(bytes.buffer).setUint32(0, bytes.length, true);
    if (bytes.length === 0) break;
  }
  return bytes;
}

function garbage(random: Random): Uint8Array {
  const bytes = Uint8Array.from(random.bytes(random.below(200)));
  const view = new DataView(bytes.buffer);
  if (bytes.length >= 8) {
    view.setUint32(0, bytes.length, true);
    view.setUint32(4, random.pick(Object.values(OPCODE)), true);
  }
  if (bytes.length >= 40) view.setUint32(36, 0, true);
  return bytes;
}

/** A file system that answers anything to anything. */
function careless(random: Random): FileSystem {
  const values = [0, -1, 7, 2 ** 53, Number.NaN, undefined, null, 'x', new Uint8Array(3), {result: 0}];
  return new Proxy({} as FileSystem, {
    get: (_target, name) =>
      name === 'init' || name === 'destroy'
        ? undefined
        : (...args: unknown[]) => {
            for (const target of args) {
              if (typeof target !== 'object' || target === null || target instanceof Uint8Array) continue;
              if ('attr' in target)
                Object.assign(target.attr as object, {mode: random.u32(), size: random.pick(values)});
              if ('nodeid' in target && !('opcode' in target)) target.nodeid = random.pick(values);
            }
            if (random.below(4) === 0)
              throw random.pick<unknown>([new Error('x'), {errno: 2 ** 40}, 'text', undefined]);
            return random.pick(values);
          },
  });
}

describe('any bytes get at most one reply, and that a sound one', () => {
  const systems: Array<[name: string, make: (random: Random) => FileSystem]> = [
    ['nothing', () => ({})],
    ['the memory example', () => memoryFs()],
    ['careless', careless],
  ];
  for (const [name, make] of systems) {
    for (const [kind, count, produce] of [
      ['changed requests', MUTANTS, mutant],
      ['random bytes', GARBAGE, garbage],
    ] as const) {
      test(`${kind} to a file system that is ${name}`, () => {
        const random = new Random(0x5eed);
        const harness = new Harness(make(random));
        for (let i = 0; i < count; i++) {
          const bytes = produce(random);
          harness.replies.length = 0;
          harness.send(bytes, false);
          const wrong = complaint(bytes, harness.replies);
          if (wrong) expect.fail(`number ${i}, ${Buffer.from(bytes).toString('hex')}: ${wrong}`);
          const needsNone =
            bytes.length >= 8 && sizes.get(new DataView(bytes.buffer).getUint32(4, true)) === 'none';
          if (harness.replies.length === 0 && bytes.length >= 16 && !needsNone) {
            expect.fail(`number ${i}, ${Buffer.from(bytes).toString('hex')}: no reply`);
          }
        }
        // Every slot came back: one at a time is enough for all of them.
        expect(harness.session.waiting).toBe(0);
      });
    }
  }
});
