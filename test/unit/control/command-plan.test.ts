import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import {
  CommandPlanError,
  encodeCommandPlan,
  LARGEST_PLAN,
  parseCommandPlan,
  portOf,
} from '../../../src/control/command-plan.js';

const PLAN = {
  type: 'squashfs',
  command: ['/usr/bin/squashfuse_ll', '-f', '-o', '{options}', '{source}', '{target}'],
  way: 'descriptor',
  source: {kind: 'served'},
  target: '/fuseward/target',
  environment: {PATH: '/usr/bin', LANG: 'C.UTF-8'},
  secrets: [],
  network: 'none',
} as const;

describe('a command plan', () => {
  const valid: Array<[what: string, change: object]> = [
    ['as policies have it', {}],
    ['for a source that is bound', {source: {kind: 'bound', path: '/fuseward/source'}}],
    ['for a name', {source: {kind: 'name', text: 'me@host:dir'}}],
    ['with secrets', {command: ['/p', '-passfile={secret:key}'], secrets: [{name: 'key', fd: 9}]}],
    ['with peers', {network: ['127.0.0.1:22', 'host.example:443', '[::1]:2049']}],
    ['with braces that are no placeholder', {command: ['/p', '{}', '{A}', '{1}', 'a{b']}],
  ];
  test.each(valid)('%s comes out as it went in', (_, change) => {
    const plan = {...PLAN, ...change};
    assert.deepEqual(parseCommandPlan(encodeCommandPlan(plan)), plan);
  });

  const invalid: Array<[what: string, change: object, key: string]> = [
    ['an unknown key', {more: 1}, 'plan'],
    ['a type that leaves its directory', {type: 'a..b'}, 'type'],
    ['a type with a slash', {type: 'a/b'}, 'type'],
    ['a way that nobody knows', {way: 'suid'}, 'way'],
    ['no command', {command: []}, 'command'],
    ['a command without a path', {command: ['squashfuse']}, 'command'],
    ['a program that is a placeholder', {command: ['/{source}']}, 'command'],
    ['a placeholder that nobody knows', {command: ['/p', '{sorce}']}, 'command'],
    ['a secret that is not there', {command: ['/p', '{secret:key}']}, 'command'],
    ['a word with a NUL', {command: ['/p', 'a\0b']}, 'command'],
    ['too many words', {command: Array(257).fill('/p')}, 'command'],
    ['a source without a kind', {source: {}}, 'source'],
    ['a source with more than its kind has', {source: {kind: 'served', path: '/x'}}, 'source'],
    ['a bound source without a place', {source: {kind: 'bound'}}, 'source'],
    ['an empty name', {source: {kind: 'name', text: ''}}, 'source'],
    ['a target that is not absolute', {target: 'mnt'}, 'target'],
    ['a variable with =', {environment: {'A=B': 'c'}}, 'environment'],
    ['a variable that is no text', {environment: {A: 1}}, 'environment'],
    ['an environment that is a list', {environment: ['A=b']}, 'environment'],
    ['the conversation as a secret', {secrets: [{name: 'a', fd: 3}]}, 'secrets'],
    [
      'one descriptor twice',
      {
        secrets: [
          {name: 'a', fd: 9},
          {name: 'b', fd: 9},
        ],
      },
      'secrets',
    ],
    [
      'one name twice',
      {
        secrets: [
          {name: 'a', fd: 9},
          {name: 'a', fd: 8},
        ],
      },
      'secrets',
    ],
    ['a peer without a port', {network: ['host']}, 'network'],
    ['a port that there is not', {network: ['host:65536']}, 'network'],
    ['a network that nobody knows', {network: 'all'}, 'network'],
  ];
  test.each(invalid)('%s is refused', (_, change, key) => {
    const text = JSON.stringify({...PLAN, ...change});
    assert.throws(
      () => parseCommandPlan(text),
      (error) => error instanceof CommandPlanError && error.key === key,
    );
  });

  test('anything else than an object is refused', () => {
    for (const text of ['', 'null', '[]', '"x"', '{', '1', '{}'])
      assert.throws(() => parseCommandPlan(text), CommandPlanError, text);
  });

  test('one that execve(2) would not take is refused where it is made', () => {
    assert.throws(
      () => encodeCommandPlan({...PLAN, environment: {A: 'x'.repeat(LARGEST_PLAN)}}),
      CommandPlanError,
    );
  });

  test('the port of a peer is its last number', () => {
    assert.deepEqual(['h:1', '[::1]:22'].map(portOf), [1, 22]);
  });
});
