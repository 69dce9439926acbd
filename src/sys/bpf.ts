/**
 * A small assembler for classic BPF as seccomp(2) runs it: instructions of 8 bytes (struct sock_filter: u16 code, u8 jt,
 * u8 jf, u32 k) over struct seccomp_data. Jumps only go forward. The one conditional jump used tests the accumulator and
 * skips at most one instruction, so far targets always take an unconditional jump with its 32-bit distance.
 */

/** Offsets in struct seccomp_data (linux/seccomp.h). Arguments are 64 bits each, low half first on little-endian machines. */
export const DATA_NR = 0;
export const DATA_ARCH = 4;
export const dataArgLow = (index: number): number => 16 + index * 8;
export const dataArgHigh = (index: number): number => 20 + index * 8;

// linux/bpf_common.h: class | size or operation | mode or source.
const LD_W_ABS = 0x20;
const ALU_AND_K = 0x54;
const JMP_JA = 0x05;
const RET_K = 0x06;
const TESTS = {'=': 0x15, '>': 0x25, '>=': 0x35} as const;

/** The most instructions the kernel takes (BPF_MAXINSNS). */
export const MOST_INSTRUCTIONS = 4096;
const INSTRUCTION_SIZE = 8;

interface Instruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
  /** Where a JMP_JA goes, filled in when the label is placed. */
  label?: Label;
}

/** A place in the program that jumps can name before it is known. */
export interface Label {
  at: number | undefined;
}

/** A program under construction. */
export class BpfAssembler {
  readonly #code: Instruction[] = [];

  /** A label to be placed later. */
  label(): Label {
    return {at: undefined};
  }

  /** Puts the label here. */
  place(label: Label): void {
    label.at = this.#code.length;
  }

  /** Loads 32 bits of struct seccomp_data into the accumulator. */
  load(offset: number): void {
    this.#push(LD_W_ABS, offset);
  }

  /** Clears the bits of the accumulator that are not in `mask`. */
  and(mask: number): void {
    this.#push(ALU_AND_K, mask);
  }

  /** Goes to `otherwise` unless the accumulator compares so with `k` (unsigned). */
  require(test: keyof typeof TESTS, k: number, otherwise: Label): void {
    this.#push(TESTS[test], k, 1, 0);
    this.jump(otherwise);
  }

  /** Goes to `target` if the accumulator compares so with `k` (unsigned). */
  jumpIf(test: keyof typeof TESTS, k: number, target: Label): void {
    this.#push(TESTS[test], k, 0, 1);
    this.jump(target);
  }

  /** Goes to `target`. */
  jump(target: Label): void {
    this.#code.push({code: JMP_JA, jt: 0, jf: 0, k: 0, label: target});
  }

  /** Ends with a verdict (SECCOMP_RET_*). */
  ret(verdict: number): void {
    this.#push(RET_K, verdict);
  }

  /** Ends with a verdict if the accumulator is `k`. */
  retIfEqual(k: number, verdict: number): void {
    this.#push(TESTS['='], k, 0, 1);
    this.ret(verdict);
  }

  /** The finished program. @throws RangeError when it is too long or a label was not placed after its jumps */
  assemble(): Uint8Array {
    if (this.#code.length > MOST_INSTRUCTIONS) {
      throw new RangeError(`a filter of ${this.#code.length} instructions, ${MOST_INSTRUCTIONS} are allowed`);
    }
    const bytes = new Uint8Array(this.#code.length * INSTRUCTION_SIZE);
    const view = new DataView(bytes.buffer);
    this.#code.forEach(({code, jt, jf, k, label}, index) => {
      const at = index * INSTRUCTION_SIZE;
      view.setUint16(at, code, true);
      view.setUint8(at + 2, jt);
      view.setUint8(at + 3, jf);
      view.setUint32(at + 4, label === undefined ? k : distance(index, label, this.#code.length), true);
    });
    return bytes;
  }

  #push(code: number, k: number, jt = 0, jf = 0): void {
    this.#code.push({code, jt, jf, k: k >>> 0});
  }
}

function distance(from: number, label: Label, length: number): number {
  if (label.at === undefined || label.at <= from || label.at >= length) {
    throw new RangeError(`the jump at ${from} has no place after it to go to`);
  }
  return label.at - from - 1;
}
