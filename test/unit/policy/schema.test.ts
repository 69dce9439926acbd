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
  test.each<[string, boolean]>([
    ['', true],
    ['allow = []', true],
    [RULE, true],
    [`${RULE}groups = []\nsource_kinds = ["block"]\nmax_source_bytes = 0\naccess = "read-write"`, true],
    [RULE.replace('"ada"', ''), false],
    [RULE.replace('users', 'groups'), true],
    [RULE.replace('sources = ["/srv/*"]\n', ''), false],
    [RULE.replace('"/srv/*"', ''), false],
    [RULE.replace('/srv/*', 'srv'), false],
    [RULE.replace('/srv/*', './srv'), false],
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
    ['transport = "io_uring"', true],
    ['transport = "pigeon"', false],
    ['force_options = ["ro", "noexec"]', true],
    ['force_options = ["rw"]', false],
    ['forbid_options = ["context", "exec"]', true],
    ['forbid_options = ["a=b"]', false],
    ['target_file_systems = ["ext4"]', true],
    ['server = 1', false],
    ['[server]\ntasks = 15', false],
    ['[server]\ntasks = 16', true],
    ['[server]\ncommand = ["/usr/bin/x", "-a"]', true],
    ['[server]\ncommand = ["x"]', true],
    ['[server]\ncommand = ["x/y"]', false],
    ['[server]\ncommand = ["-x"]', false],
    ['[server]\ncommand = ["{source}", "{target}"]', false],
    ['[server]\ncommand = ["x", "{source}", "{target}", "-o", "{options},uid={uid}"]', true],
    ['[server]\ncommand = ["x", "{sauce}", "{target}"]', false],
    ['[server]\ncommand = ["x", "{secret:A B}", "{target}"]', false],
    [`[server]\ncommand = ['x', '{"a":{}}', '{}']`, true],
    ['[server]\ncommand = ["x", "a\\u0000b"]', false],
    ...['auto', 'descriptor', 'fusermount', 'mount', 'service'].map((way): [string, boolean] => [
      `[server]\nway = "${way}"`,
      true,
    ]),
    ['[server]\nway = "socket"', false],
    ['[server]\nenvironment = {A = "b", _c1 = ""}', true],
    ['[server.environment]\nA = "b"', true],
    ['[server]\nenvironment = {A = 1}', false],
    ['[server]\nenvironment = {"A B" = "c"}', false],
    ['[server]\nenvironment = {LISTEN_FDS = "1"}', false],
    ['[server]\nenvironment = {_FUSE_COMMFD = "1"}', false],
    ['[server]\nenvironment = ["A=b"]', false],
    ['[server]\nnetwork = "host"', true],
    ['[server]\nnetwork = "all"', false],
    ['[server]\nnetwork = []', false],
    ['[server]\nnetwork = ["localhost:22", "10.0.0.1:65535", "[::1]:80"]', true],
    ['[server]\nnetwork = ["localhost"]', false],
    ['[server]\nnetwork = ["localhost:0"]', false],
    ['[server]\nnetwork = ["localhost:65536"]', false],
    ['[server]\nnetwork = ["::1:80"]', false],
    ['[server]\ngrants = ["ro:/srv/keys", "rw:/var/lib/x:/inside"]', true],
    ['[server]\ngrants = ["ro:/proc/x:/inside"]', true],
    ['[server]\ngrants = ["/srv/keys"]', false],
    ['[server]\ngrants = ["r:/srv/keys"]', false],
    ['[server]\ngrants = ["ro:/"]', false],
    ['[server]\ngrants = ["ro:srv"]', false],
    ['[server]\ngrants = ["ro:/srv/../etc"]', false],
    ['[server]\ngrants = ["ro:/srv:/a/.."]', false],
    ['[server]\ngrants = ["ro:/srv//keys"]', false],
    ['[server]\ngrants = ["ro:/srv/"]', false],
    ['[server]\ngrants = ["ro:/srv/...:/..a"]', true],
    ['[server]\ngrants = ["ro:/dev/shm"]', false],
    ['[server]\ngrants = ["ro:/srv:/fuseward/bin"]', false],
    ['[server]\ngrants = ["ro:/srv:/devices"]', true],
    ['[server]\ngrants = ["ro:/a:/b:/c"]', false],
    ['[server]\nstate = true', true],
    ['[server]\nstate = "/var/lib/x"', false],
    ['[server]\nsecrets = {password = "/etc/x:y"}', true],
    ['[server]\nsecrets = {password = "x"}', false],
    ['[server]\nsecrets = {password = "/etc/../x"}', false],
    ['[server]\nsecrets = {"pass word" = "/etc/x"}', false],
    ['[server]\nas_root = true\nobserve = true', true],
    [`${RULE}source_kinds = ["directory", "name"]`, true],
    [`${RULE}source_kinds = ["fifo"]`, false],
    [RULE.replace('/srv/*', 'ada@host:/srv'), true],
    [RULE.replace('/srv/*', '-oProxyCommand=x'), false],
    [RULE.replace('/srv/*', 'a b:'), false],
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
