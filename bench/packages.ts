import {spawnSync} from 'node:child_process';

/**
 * Debian packages that only measuring needs are installed here, by name and when a contender asks for them.
 * @param has whether what the packages bring is there
 * @returns whether it is there in the end
 */
export function installed(has: () => boolean, ...packages: string[]): boolean {
  if (has()) return true;
  console.error(`installing ${packages.join(', ')} by apt-get, to measure with`);
  const aptGet = (...args: string[]): boolean =>
    spawnSync('apt-get', args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {...process.env, DEBIAN_FRONTEND: 'noninteractive'},
    }).status === 0;
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  if (!aptGet(...install) && aptGet('update', '-qq')) aptGet(...install);
  return has();
}

/** Whether a program is in PATH. */
export function isProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], {stdio: 'ignore'}).status === 0;
}
