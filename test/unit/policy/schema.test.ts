import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Ajv2020} from 'ajv/dist/2020.js';
import {parse} from 'smol-toml';
import {describe, expect, test} from 'vitest';
import {PolicyError, policySchema, readPolicyText, SHIPPED_DIRECTORY} from '../../../src/policy/index.js';

const FILE = join(SHIPPED_DIRECTORY, 'schema.json');
// A property is narrowed beside the place that declares it.
const check = new Ajv2020({
  strict: true,
  strictRequired: false,
  strictTypes: false,
  strictTuples: false,
}).compile(policySchema());

function isFine(text: string): boolean {
  try {
    readPolicyText('x.toml', text);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError);
    return false;
  }
}

test('the file that ships is that of the program: "fuseward policy schema" makes it', () => {
  expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(policySchema());
});

const shipped = [SHIPPED_DIRECTORY, join(SHIPPED_DIRECTORY, 'examples')].flatMap((directory) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.toml'))
    .map((name) => join(directory, name)),
);
test.each(shipped)('%s fits it', (file) => {
  const text = readFileSync(file, 'utf8');
  expect(check(parse(text)), JSON.stringify(check.errors)).toBe(true);
  expect(isFine(text)).toBe(true);
});

const RULE = '[[allow]]\nusers = ["ada"]\nsources = ["/srv/*"]\ntargets = ["~/mnt"]\n';
describe('schema and program agree on', () => {
  test.each([
    ['', true],
    ['allow = []', true],
    [RULE, true],
    [`${RULE}groups = []\nsource_kinds = ["block"]\nmax_source_bytes = 0\naccess = "read-write"`, true],
    [RULE.replace('"ada"', ''), false],
    [RULE.replace('users', 'groups'), true],
    [RULE.replace('sources = ["/srv/*"]\n', ''), false],
    [RULE.replace('"/srv/*"', ''), false],
    [RULE.replace('/srv/*', 'srv'), false],
    [RULE.replace('ada', 'a b'), false],
    [RULE.replace('ada', '*'), true],
    [`${RULE}owner = "me"`, false],
    [`${RULE}source_owner = "group"`, false],
    [`${RULE}max_source_bytes = -1`, false],
    ['[allow]\nusers = ["ada"]', false],
    ['loop = "auto"', true],
    ['loop = true', false],
    ['lop = "auto"', false],
    ['block_size = 4096', true],
    ['block_size = 1000', false],
    ['deadline_seconds = 0.5', false],
    ['deadline_seconds = 1.5', true],
    ['transport = "io_uring"', false],
    ['force_options = ["ro", "noexec"]', true],
    ['force_options = ["rw"]', false],
    ['forbid_options = ["context", "exec"]', true],
    ['forbid_options = ["a=b"]', false],
    ['target_file_systems = ["ext4"]', true],
    ['server = 1', false],
    ['[server]\ntasks = 15', false],
    ['[server]\ntasks = 16', true],
    ['[server]\ncommand = ["/usr/bin/x", "-a"]', true],
    ['[server]\ncommand = ["x"]', false],
    ['[server]\ncommand = []', false],
    ['[server]\ndriver = "kernel"', false],
    ['[containment]\nrequired = ["seccomp", "user"]', true],
    ['[containment]\nrequired = ["magic"]', false],
    ['[containment]\nrequired = "seccomp"', false],
    ['[limits]', false],
  ])('%j', (text, right) => {
    expect([check(parse(text)), isFine(text)]).toEqual([right, right]);
  });
});
