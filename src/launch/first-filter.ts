import type {OwnedFd} from '../sys/fd.js';
import {createMemfd} from '../sys/memfd.js';
import {buildFilter, type FilterOptions, type SeccompFilter, type SeccompRule} from '../sys/seccomp.js';

/**
 * The filter that programs of ours have from their first instruction, below the one that they put on themselves: no io_uring for libuv. It makes
 * rings for its event loops where it can (1.49 and later whatever its environment says, io_uring_setup(2) with 64 and 256 entries), which know no
 * restrictions, so that a server can't be let keep them, and it does not do without what was taken away later. Where rings count as locked
 * memory it gets none anyway (Linux 6.14 and later); from 5.12 to 6.13 they don't. Our own are made with an odd number of entries
 * (`sys/io-uring.ts`).
 */
export function firstFilter(): OwnedFd {
  return createMemfd('fuseward-first-filter', Uint8Array.from(firstFilterProgram().bytes));
}

/** As the kernel takes it. @param arch this machine's unless told */
export function firstFilterProgram(arch?: FilterOptions['arch']): SeccompFilter {
  const even = {index: 0, op: 'masked-eq', mask: 1, value: 0} as const;
  const rules: SeccompRule[] = [
    {syscall: 'io_uring_setup', args: [even], action: {errno: 'ENOSYS'}},
    {syscall: 'io_uring_setup'},
  ];
  return buildFilter(rules, {defaultAction: 'allow', ...(arch === undefined ? {} : {arch})});
}
