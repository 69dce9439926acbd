import {checked, native, viewOf} from './libc.js';
import {bytes32, mapCode} from './machine-code.js';
import {sealMapping} from './memfd.js';
import {nativeArchitecture, type SyscallArchitecture} from './syscall-numbers.js';

const sigaction = native<[signal: number, action: Uint8Array, old: null]>('sigaction', 'int', [
  'int',
  'void *',
  'void *',
]);
const SIGSEGV = 11;
const SIGSYS = 31;
const SA_SIGINFO = 4;

/** struct sigaction as glibc and musl declare it: handler, mask of 1024 bits, flags, restorer. */
const SIGACTION_SIZE = 152;
const SIGACTION_MASK = 8;
const SIGACTION_FLAGS = 136;

/** Where the records lie behind the code, and how long each is. Both are written into the code as well. */
const RECORDS_AT = 0x1000;
const RECORD_SIZE = 128;

/** What an attempt fails with under `failingHandler`: a number that no kernel gives. */
export const ERRNO_FORBIDDEN = 4000;

/**
 * The code of a SIGSYS handler: takes `si_syscall` (offset 24 of siginfo_t), writes the record of that number to descriptor 2 in one
 * write(2), and then makes system call 4095, which does not exist and which no filter allows. SIGSYS is blocked while its handler
 * runs, and a forced signal that is blocked ends the process, whatever it had arranged (force_sig_info_to_task in kernel/signal.c;
 * process 1 of a namespace too). Needs no stack beyond the signal's frame; if not even that fits, the kernel ends the process.
 */
const REPORTING: Record<SyscallArchitecture, (last: number) => readonly number[]> = {
  x64: (last) => [
    ...[0x8b, 0x46, 0x18], //                     mov    eax, [rsi+24]
    ...[0xb9, ...bytes32(last)], //               mov    ecx, last
    ...[0x39, 0xc8], //                           cmp    eax, ecx
    ...[0x0f, 0x47, 0xc1], //                     cmova  eax, ecx
    ...[0x48, 0xc1, 0xe0, 0x07], //               shl    rax, 7
    ...[0x48, 0x8d, 0x35, 0xe8, 0x0f, 0, 0], //   lea    rsi, [rip+0xfe8]   ; RECORDS_AT
    ...[0x48, 0x01, 0xc6], //                     add    rsi, rax
    ...[0xba, 0x80, 0, 0, 0], //                  mov    edx, 128
    ...[0xbf, 0x02, 0, 0, 0], //                  mov    edi, 2
    ...[0xb8, 0x01, 0, 0, 0], //                  mov    eax, 1             ; write
    ...[0x0f, 0x05], //                           syscall
    ...[0xb8, 0xff, 0x0f, 0, 0], //         end:  mov    eax, 4095
    ...[0x0f, 0x05], //                           syscall
    ...[0xeb, 0xf7], //                           jmp    end
  ],
  arm64: (last) => [
    ...bytes32(0xb9401823), //                    ldr    w3, [x1, #24]
    ...bytes32(0x52800004 | (last << 5)), //      mov    w4, #last
    ...bytes32(0x6b04007f), //                    cmp    w3, w4
    ...bytes32(0x1a843063), //                    csel   w3, w3, w4, lo
    ...bytes32(0x10007f81), //                    adr    x1, RECORDS_AT
    ...bytes32(0x8b031c21), //                    add    x1, x1, x3, lsl #7
    ...bytes32(0xd2801002), //                    mov    x2, #128
    ...bytes32(0xd2800040), //                    mov    x0, #2
    ...bytes32(0xd2800808), //                    mov    x8, #64            ; write
    ...bytes32(0xd4000001), //                    svc    #0
    ...bytes32(0xd281ffe8), //              end:  mov    x8, #4095
    ...bytes32(0xd4000001), //                    svc    #0
    ...bytes32(0x17fffffe), //                    b      end
  ],
};

/** The code of a SIGSYS handler that lets the call fail with ERRNO_FORBIDDEN: sets the result register in the saved context. */
const FAILING: Record<SyscallArchitecture, readonly number[]> = {
  x64: [
    ...[0x48, 0xc7, 0x82, 0x90, 0, 0, 0, 0x60, 0xf0, 0xff, 0xff], // mov qword [rdx+144], -4000  ; gregs[REG_RAX]
    0xc3, //                                                         ret
  ],
  arm64: [
    ...bytes32(0x9281f3e3), // mov  x3, #-4000
    ...bytes32(0xf9005c43), // str  x3, [x2, #184]   ; uc_mcontext.regs[0]
    ...bytes32(0xd65f03c0), // ret
  ],
};

/**
 * A handler that writes one line about the call to standard error and ends the process.
 *
 * @param records a line for each number from 0 on, without its end; the last stands for all numbers after it. At most 65,535, of ASCII,
 *   each shorter than 128 bytes
 */
export function reportingHandler(
  records: readonly string[],
  architecture: SyscallArchitecture = nativeArchitecture(),
): Uint8Array<ArrayBuffer> {
  if (records.length === 0 || records.length > 0x10000) throw new RangeError(`${records.length} records`);
  const handler = new Uint8Array(RECORDS_AT + records.length * RECORD_SIZE);
  handler.set(REPORTING[architecture](records.length - 1));
  records.forEach((text, index) => {
    const record = Buffer.from(`${text.padEnd(RECORD_SIZE - 1)}\n`, 'latin1');
    if (record.length !== RECORD_SIZE) throw new RangeError(`a record of ${text.length} bytes`);
    handler.set(record, RECORDS_AT + index * RECORD_SIZE);
  });
  return handler;
}

/** A handler with which forbidden calls fail with ERRNO_FORBIDDEN and the program goes on: for programs that probe a filter. */
export function failingHandler(
  architecture: SyscallArchitecture = nativeArchitecture(),
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(FAILING[architecture]);
}

/**
 * Makes `handler` what answers the SIGSYS of seccomp's verdict `trap`, on every thread and for good: it lies in a sealed memfd, mapped
 * to be read and executed, which no later mapping or protection can make writable. From Linux 6.10 on (mseal(2)) it can't be replaced or
 * unmapped either. All signals wait while it runs. SIGSEGV goes back to the kernel's own doing, so that a thread
 * without room for the frame ends the process.
 *
 * @throws Errno where such memory can't be had (EACCES under some security modules)
 */
export function handleForbiddenCalls(handler: Uint8Array<ArrayBuffer>): void {
  const address = mapCode('fuseward-sigsys', handler);
  sealMapping(address, handler.length);
  const action = new Uint8Array(SIGACTION_SIZE);
  action.fill(0xff, SIGACTION_MASK, SIGACTION_FLAGS);
  viewOf(action).setBigUint64(0, BigInt(address), true);
  viewOf(action).setInt32(SIGACTION_FLAGS, SA_SIGINFO, true);
  checked(sigaction()(SIGSYS, action, null), 'sigaction', 'SIGSYS');
  checked(sigaction()(SIGSEGV, new Uint8Array(SIGACTION_SIZE), null), 'sigaction', 'SIGSEGV');
}
