import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {onTestFinished} from 'vitest';
import {O_RDWR, openFd} from '../../../src/sys/fd.js';
import {opText} from '../../support/kernel-sim/bits.js';
import type {SentRequest} from '../../support/kernel-sim/connection.js';
import {type KernelOptions, SimKernel} from '../../support/kernel-sim/kernel.js';
import {DirectLink} from '../../support/kernel-sim/link.js';
import {OP, opName} from '../../support/kernel-sim/opcodes.js';
import {ScriptedServer} from '../../support/kernel-sim/scripted-server.js';
import {Random} from '../../support/random.js';

export const DEVICE_SIZE = 1 << 20;

/** What a test works with: a server to be scripted, with a device of random bytes, and a kernel that is not mounted yet. */
export interface Stage {
  readonly server: ScriptedServer;
  readonly kernel: SimKernel;
  readonly device: Buffer;
  /** Path of the file that stands for the device. */
  readonly path: string;
}

/** @param blockSize of the scripted file system */
export function stage(blockSize = 4096, options: KernelOptions = {}): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'fuseward-kernel-sim-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  const path = join(folder, 'device');
  const device = new Random(7).bytes(DEVICE_SIZE);
  writeFileSync(path, device);
  const server = new ScriptedServer(blockSize, () => openFd(path, O_RDWR));
  const kernel = new SimKernel(new DirectLink(server.serve), {fileDevices: true, ...options});
  onTestFinished(() => kernel.close());
  return {server, kernel, device, path};
}

const OPFLAGS_AT = 0;
const POS_AT = 16;
const COUNT_AT = 24;

/** A request in words: `BEGIN WRITE+DIRECT 0+4096`; IOEND and others that name a range likewise. */
export function inWords({opcode, body}: SentRequest): string {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  switch (opcode) {
    case OP.IOMAP_BEGIN:
      return `BEGIN ${opText(view.getUint32(OPFLAGS_AT, true))} ${u64(POS_AT)}+${u64(COUNT_AT)}`;
    case OP.IOMAP_END:
      return `END ${opText(view.getUint32(OPFLAGS_AT, true))} ${u64(POS_AT)}+${u64(COUNT_AT)}`;
    case OP.IOMAP_IOEND:
      return `IOEND ${view.getUint32(0, true)} ${u64(POS_AT)}+${u64(32)}`;
    default:
      return opName(opcode);
  }
}
