import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import type {ServerPolicy} from '../../src/policy/index.js';
import type {Input} from '../../test/support/foreign/servers.js';
import {run} from '../../test/support/mounts.js';

/** How long a server may take until it is mounted. */
const PATIENCE_MS = 10_000;
const STEP_MS = 20;

/** The words that root would type for policy's command: the machine's own places in place of those of the sandbox. */
export function wordsByHand(
  {command = [], grants, secrets}: ServerPolicy,
  {source, options = []}: Input,
  target: string,
): string[] {
  const given = options.join(',');
  const places = grants.map(({path, place}) => [place.replace(/^\//, ''), path] as const);
  const words: string[] = [];
  for (const word of command) {
    if (word === '{options}' && given === '') {
      words.pop();
      continue;
    }
    const filled = word
      .replace('{source}', source)
      .replace('{target}', target)
      .replace(given === '' ? /,\{options\}|\{options\},/ : '{options}', given)
      .replace(/\{secret:(\w+)\}/, (_, name: string) => secrets[name] ?? '');
    words.push(places.reduce(withPath, filled));
  }
  return words;
}

/** Sources may have a place without its slash. */
function withPath(text: string, [place, path]: readonly [string, string]): string {
  const found = new RegExp(`(^|[:=/])${place}(?=[,:=]|$)`, 'g');
  return text.replaceAll(found, (_, before: string) => `${before === '/' ? '' : before}${path}`);
}

function isMounted(target: string): boolean {
  try {
    run('mountpoint', ['-q', target]);
    return true;
  } catch {
    return false;
  }
}

/** Mounts by hand, does something, unmounts, and waits until the server is gone. @throws Error with what the server said */
export async function mountedByHand<T>(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  target: string,
  use: () => T,
): Promise<T> {
  const child: ChildProcess = spawn(words[0]!, words.slice(1), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {...process.env, ...environment},
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'exit');
  try {
    for (const end = Date.now() + PATIENCE_MS; !isMounted(target); ) {
      // Some go to the background.
      const failed = child.exitCode !== null && child.exitCode !== 0;
      if (failed || Date.now() > end) throw new Error(`${words.join(' ')} does not mount: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    return use();
  } finally {
    if (isMounted(target)) run('umount', [target]);
    else child.kill('SIGKILL');
    await ended;
  }
}
