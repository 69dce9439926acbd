import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {wordsByHand} from '../../../bench/foreign/by-hand.js';
import {ratio, readmeRows} from '../../../bench/foreign/table.js';
import {loadPolicy} from '../../../src/policy/index.js';
import {CHECKOUT} from '../../support/checkout.js';
import {FOREIGN_SERVERS} from '../../support/foreign/servers.js';

const README = readFileSync(join(CHECKOUT, 'README.md'), 'utf8');
const measured = {type: 'bindfs', way: 'auto: fusermount', contained: [10, 90, 30], byHand: [20, 100, 30]};

test('README has a row for each server, of which way and ratio are replaced', () => {
  expect(ratio(measured)).toBe(0.9);
  const all = FOREIGN_SERVERS.map(({type}) => ({...measured, type}));
  for (const [before, after] of readmeRows(README, all)) {
    const cells = before.split(' | ');
    expect(after.split(' | ')).toEqual([cells[0], cells[1], 'auto: fusermount', cells[3], '0.90 |']);
  }
  expect(() => readmeRows(README, [{...measured, type: 'other'}])).toThrow(/no row for other/);
});

const words = (type: string, source: string, options?: string[]): string[] =>
  wordsByHand(loadPolicy(type, '/nonexistent').server, {source, tree: '', ...(options && {options})}, '/mnt');

test('what root would type for a policy', () => {
  expect(words('bindfs', '/src')).toEqual(['bindfs', '-f', '/src', '/mnt']);
  expect(words('fuse2fs', '/img')).toEqual(['fuse2fs', '-f', '-o', 'ro', '/img', '/mnt']);
  expect(words('rclone', 'peer:').slice(0, 4)).toEqual(['rclone', 'mount', '--config', '']);
  expect(words('gocryptfs', '/c')).toContain('/etc/fuseward/secrets/gocryptfs');
  expect(words('sshfs', 'h:d', ['port=1']).at(3)).toMatch(/,port=1$/);
});

test('places of the sandbox are those of the machine', () => {
  const {server} = loadPolicy('unionfs', '/nonexistent');
  const grants = ['/a/upper:/upper', '/b/lower:/lower'].map((text) => {
    const [path, place] = text.split(':');
    return {path: path!, place: place!, writable: false};
  });
  const input = {source: 'upper=RO:lower=RO', tree: ''};
  expect(wordsByHand({...server, grants}, input, '/mnt')).toEqual([
    ...['unionfs', '-f', '/a/upper=RO:/b/lower=RO', '/mnt'],
  ]);
});
