import {describe, expect, test} from 'vitest';
import type {Policy} from '../../../src/policy/index.js';
import {
  isSourceName,
  type PolicyError,
  readPolicyText,
  settingsList,
  wayOf,
} from '../../../src/policy/index.js';

function problemsOf(text: string): string[] {
  try {
    readPolicyText('x.toml', text);
    return [];
  } catch (error) {
    return (error as PolicyError).problems.map(({line, key, reason}) => `${line} ${key} ${reason}`);
  }
}

const SERVER = '[server]\n';

test.each([
  ['command = ["x", "{source}", "{target}"]', []],
  ['command = ["x"]', []],
  ['way = "fusermount"', []],
  ['command = ["x", "{source}"]', ['2 server.command needs {target}: where the command is to mount']],
  ['way = "mount"\ncommand = ["x", "y"]', ['3 server.command needs {target}: where the command is to mount']],
  [
    'command = ["x", "{target}"]\nway = "service"',
    ['2 server.command has placeholders, which way = "service" does not fill in'],
  ],
  [
    'command = ["x", "{target}", "-p{secret:a}{secret:b}"]\nsecrets = {b = "/b"}',
    ['2 server.command uses {secret:a}, which secrets of the same file has not'],
  ],
  ['command = ["x", "{target}", "{secret:a}"]\n[server.secrets]\na = "/a"', []],
])('%j', (text, problems) => {
  expect(problemsOf(SERVER + text)).toEqual(problems);
});

test('grants are read into their parts, and shown as they were written', () => {
  const text = `${SERVER}grants = ["ro:/srv/keys", "rw:/var/lib/x:/inside"]`;
  const {tables} = readPolicyText('x.toml', text);
  expect(tables.server['grants']).toEqual([
    {writable: false, path: '/srv/keys', place: '/srv/keys'},
    {writable: true, path: '/var/lib/x', place: '/inside'},
  ]);
  const policy = {server: tables.server, containment: {}, origins: {}} as unknown as Policy;
  expect(settingsList(policy).find(({key}) => key === 'server.grants')?.value).toEqual([
    'ro:/srv/keys',
    'rw:/var/lib/x:/inside',
  ]);
  expect(problemsOf(`${SERVER}grants = ["ro:/a:/c", "rw:/b:/c"]`)).toHaveLength(1);
});

test.each([
  [['x', '--flag'], 'auto', 'service'],
  [['x', '{target}'], 'auto', 'auto'],
  [['x'], 'fusermount', 'fusermount'],
  [['x', '{target}'], 'descriptor', 'descriptor'],
] as const)('the way of %j with way = %j', (command, way, effective) => {
  expect(wayOf(command, way)).toBe(effective);
});

describe('the name of a source', () => {
  test.each(['ada@host:/srv/x', 'remote:bucket', ':sftp,host=x:', 'bucket', '[::1]:dir'])(
    'may be %j',
    (name) => {
      expect(isSourceName(name)).toBe(true);
    },
  );
  test.each(['', '/srv', './x', '../x', '~/x', '-oProxyCommand=x', 'a b:', 'a\n', '*:x', 'x'.repeat(1025)])(
    'may not be %j',
    (name) => {
      expect(isSourceName(name)).toBe(false);
    },
  );
});
