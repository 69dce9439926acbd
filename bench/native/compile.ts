import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {CHECKOUT} from '../../test/support/checkout.js';
import {installed, isProgram} from '../packages.js';

/** What benchmarks keep between runs: programs that were compiled, sources that were fetched. */
export const BENCH_CACHE = join(CHECKOUT, '.cache', 'bench');

/**
 * The program made of a C file of this folder, compiled anew when the file has changed.
 * @throws Error when there is no C compiler and none can be installed, or when it does not compile
 */
export function compiled(name: string): string {
  const source = join(CHECKOUT, 'bench', 'native', `${name}.c`);
  const key = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12);
  const program = join(BENCH_CACHE, `${name}-${key}`);
  if (existsSync(program)) return program;
  mkdirSync(BENCH_CACHE, {recursive: true});
  const hasCompiler = (): boolean => isProgram('cc') && existsSync('/usr/include/stdio.h');
  if (!installed(hasCompiler, 'gcc', 'libc6-dev')) throw new Error('there is no C compiler: install gcc');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source], {stdio: 'inherit'});
  return program;
}
