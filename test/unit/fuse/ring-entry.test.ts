import {describe, expect, test} from 'vitest';
import {NodeTypes, REPLY_BODY, REQUEST_BODY, RequestSlot} from '../../../src/fuse/index.js';
import {ENTRY_HEAD, RingEntry, URING_CMD, VECTORS} from '../../../src/fuse/ring-entry.js';
import {COMMAND_SIZE} from '../../../src/sys/io-uring.js';

const PAYLOAD = 8192;
const ADDRESS = 0x7000_0000_0000;
const PLACE = 1;
const QUEUE = 3;

/** An entry, and the kernel's side of it. */
class Kernel {
  readonly memory = new Uint8Array(ENTRY_HEAD + PAYLOAD);
  readonly view = new DataView(this.memory.buffer);
  readonly commands = new DataView(new ArrayBuffer(2 * COMMAND_SIZE));
  readonly answered: number[] = [];
  readonly slot = new RequestSlot(16_384, 16_384, 255, new NodeTypes());
  readonly entry = new RingEntry(
    {memory: this.memory, address: ADDRESS, commands: this.commands, place: PLACE, queue: QUEUE},
    (_entry, length) => this.answered.push(length),
  );

  /** Puts a request where the kernel does. @param size what payload_sz says */
  put(
    fixed: Uint8Array,
    payload: Uint8Array,
    {length, size = payload.length}: {length?: number; size?: number} = {},
  ): void {
    this.view.setUint32(0, length ?? REQUEST_BODY + fixed.length + payload.length, true);
    this.view.setUint32(4, 26, true);
    this.view.setBigUint64(8, 0x1122334455n, true);
    this.view.setBigUint64(16, 77n, true);
    this.memory.set(fixed, 128);
    this.memory.set(payload, ENTRY_HEAD);
    this.view.setBigUint64(256 + 8, 0xfedcba9876543210n, true);
    this.view.setUint32(256 + 16, size, true);
  }

  command(offset: number): number {
    return this.commands.getUint32(PLACE * COMMAND_SIZE + offset, true);
  }
}

const bytes = (length: number): Uint8Array => Uint8Array.from({length}, (_, index) => (index * 7 + 1) & 255);

describe('an entry of a ring', () => {
  test('tells the kernel of its two parts, once', () => {
    const {entry, commands, view, command} = bound(new Kernel());
    expect(commands.getUint8(PLACE * COMMAND_SIZE)).toBe(URING_CMD);
    expect(command(8)).toBe(1);
    expect(commands.getBigUint64(PLACE * COMMAND_SIZE + 16, true)).toBe(BigInt(ADDRESS + VECTORS));
    expect(command(24)).toBe(2);
    expect(commands.getUint16(PLACE * COMMAND_SIZE + 64, true)).toBe(QUEUE);
    expect([0, 8, 16, 24].map((at) => view.getBigUint64(VECTORS + at, true))).toEqual([
      BigInt(ADDRESS),
      288n,
      BigInt(ADDRESS + ENTRY_HEAD),
      BigInt(PAYLOAD),
    ]);
    entry.registered();
    expect(command(8)).toBe(2);
    expect(commands.getBigUint64(PLACE * COMMAND_SIZE + 16, true)).toBe(0n);
    expect(command(24)).toBe(0);
  });

  for (const [title, fixed, payload] of [
    ['a fixed part alone', 16, 0],
    ['a name alone', 0, 5],
    ['both', 40, 6],
    ['much data', 40, 5000],
  ] as const) {
    test(`gives a slot the whole of a request with ${title}`, () => {
      const kernel = new Kernel();
      kernel.put(bytes(fixed), bytes(payload));
      const length = kernel.entry.take(kernel.slot);
      expect(length).toBe(REQUEST_BODY + fixed + payload);
      const {request} = kernel.slot;
      expect(request.subarray(0, REQUEST_BODY)).toEqual(kernel.memory.subarray(0, REQUEST_BODY));
      expect(request.subarray(REQUEST_BODY, length)).toEqual(
        Uint8Array.from([...bytes(fixed), ...bytes(payload)]),
      );
      expect(kernel.commands.getBigUint64(PLACE * COMMAND_SIZE + 56, true)).toBe(0xfedcba9876543210n);
    });
  }

  for (const [title, told] of [
    ['is shorter than its payload', {length: 50, size: 4000}],
    ['has more than a fixed part can be', {length: REQUEST_BODY + 129, size: 0}],
    ['is longer than any', {length: 2 ** 31, size: 2 ** 31 - 100}],
    ['has a payload longer than its place', {length: REQUEST_BODY + PAYLOAD + 1, size: PAYLOAD + 1}],
  ] as const) {
    test(`a request that ${title} is none, and is refused with EIO`, () => {
      const {entry, put, slot, view} = bound(new Kernel());
      put(bytes(16), bytes(4), told);
      expect(entry.take(slot)).toBe(0);
      entry.refuse(5);
      expect(view.getInt32(4, true)).toBe(-5);
      expect(view.getBigUint64(8, true)).toBe(0x1122334455n);
      expect(view.getUint32(256 + 16, true)).toBe(0);
    });
  }

  test('an answer of the slot lies where the kernel takes it from, uncopied', () => {
    const {entry, put, slot, view, memory, answered} = bound(new Kernel());
    put(bytes(16), new Uint8Array(0));
    entry.take(slot);
    slot.replyTarget(100).set(bytes(100));
    slot.replyView.setInt32(4, 0, true);
    slot.replyView.setBigUint64(8, 0x1122334455n, true);
    entry.send(slot.reply, REPLY_BODY + 100);
    expect(memory.subarray(ENTRY_HEAD, ENTRY_HEAD + 100)).toEqual(bytes(100));
    expect(view.getInt32(4, true)).toBe(0);
    expect(view.getBigUint64(8, true)).toBe(0x1122334455n);
    expect(view.getUint32(256 + 16, true)).toBe(100);
    expect(answered).toEqual([REPLY_BODY + 100]);
  });

  test('a late answer from elsewhere is copied, and one that does not fit becomes EIO', () => {
    const {entry, put, slot, view, memory} = bound(new Kernel());
    put(bytes(16), new Uint8Array(0));
    entry.take(slot);
    const late = new Uint8Array(REPLY_BODY + 50).fill(9, REPLY_BODY);
    new DataView(late.buffer).setBigUint64(8, 42n, true);
    entry.send(late, late.length);
    expect(memory.subarray(ENTRY_HEAD, ENTRY_HEAD + 51)).toEqual(Uint8Array.from([...Array(50).fill(9), 0]));
    expect(view.getBigUint64(8, true)).toBe(42n);
    const long = new Uint8Array(REPLY_BODY + PAYLOAD + 1);
    new DataView(long.buffer).setBigUint64(8, 43n, true);
    entry.send(long, long.length);
    expect([view.getInt32(4, true), view.getBigUint64(8, true), view.getUint32(256 + 16, true)]).toEqual([
      -5,
      43n,
      0,
    ]);
  });
});

/** So that methods can be taken out. */
function bound(kernel: Kernel): Kernel {
  return Object.assign(kernel, {put: kernel.put.bind(kernel), command: kernel.command.bind(kernel)});
}
