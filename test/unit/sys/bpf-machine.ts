/** A call as struct seccomp_data shows it to a filter. */
export interface SeccompData {
  nr: number;
  arch: number;
  args: readonly bigint[];
}

/**
 * Runs a seccomp filter as the kernel does, and refuses what the kernel's checker refuses: other instructions than those
 * allowed there, unaligned loads, jumps out of the program, an end that is no return.
 */
export function runFilter(bytes: Uint8Array, data: SeccompData): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const memory = new DataView(new ArrayBuffer(64));
  memory.setUint32(0, data.nr, true);
  memory.setUint32(4, data.arch, true);
  data.args.forEach((value, index) => {
    memory.setBigUint64(16 + index * 8, value, true);
  });
  const count = bytes.length / 8;
  if (!Number.isInteger(count) || count === 0 || count > 4096) throw new Error(`${bytes.length} bytes`);
  if (view.getUint16((count - 1) * 8, true) !== 0x06) throw new Error('does not end in a return');
  let accumulator = 0;
  // Ends: every jump goes forward.
  for (let pc = 0; pc < count; pc++) {
    const code = view.getUint16(pc * 8, true);
    const jt = view.getUint8(pc * 8 + 2);
    const jf = view.getUint8(pc * 8 + 3);
    const k = view.getUint32(pc * 8 + 4, true);
    const branch = (taken: boolean): void => {
      pc += taken ? jt : jf;
    };
    switch (code) {
      case 0x20:
        if (k % 4 !== 0 || k > 60) throw new Error(`load at ${k}`);
        accumulator = memory.getUint32(k, true);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05:
        pc += k;
        break;
      case 0x15:
        branch(accumulator === k);
        break;
      case 0x25:
        branch(accumulator > k);
        break;
      case 0x35:
        branch(accumulator >= k);
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`instruction ${code.toString(16)}`);
    }
  }
  throw new Error('ran off the end');
}
