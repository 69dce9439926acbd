import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {expect, test} from 'vitest';
import {containmentOf} from '../../../src/launch/containment.js';

/** Opens files without end, each under another name, and then tells. */
const HOARDER = `
const {openSync, mkdtempSync, rmSync} = require('node:fs');
const folder = mkdtempSync('/tmp/fuseward-hoarder-');
for (let i = 0; i < 3000; i++) openSync(folder + '/' + i, 'w');
rmSync(folder, {recursive: true});
process.stdout.write('ready');
setInterval(() => {}, 1000);
`;

test('of a process that hoards descriptors only so much is told', async () => {
  const hoarder = spawn('sh', ['-c', 'ulimit -n 4096 && exec "$0" -e "$1"', process.execPath, HOARDER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(hoarder.stdout!, 'data');
    const {descriptors, threads, visibleFiles} = containmentOf(hoarder.pid!);
    expect(Object.keys(descriptors).length).toBeLessThanOrEqual(65);
    expect(descriptors['others']).toBeGreaterThan(900);
    expect(Object.values(descriptors).reduce((sum, each) => sum + each, 0)).toBe(1024);
    expect(threads).toBeGreaterThan(1);
    expect(visibleFiles).toContain('/proc');
  } finally {
    hoarder.kill('SIGKILL');
    await once(hoarder, 'exit');
  }
});
