import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {BUILTIN_TYPES} from '../../../src/launch/own-types.js';
import {readPolicyText, SHIPPED_DIRECTORY} from '../../../src/policy/index.js';
import {readAtBuild} from '../../../src/policy/read-at-build.js';
import {CHECKOUT} from '../../support/checkout.js';

const NAMES = ['defaults', ...BUILTIN_TYPES];
const textOf = (name: string) => readFileSync(join(SHIPPED_DIRECTORY, `${name}.toml`), 'utf8');
/** As the build makes it. */
const known = (name: string) => {
  const text = textOf(name);
  return {[name]: {text, json: JSON.stringify(readPolicyText('', text))}};
};

test.each(NAMES)('%s.toml says the same when it was read at the build', (name) => {
  const file = `/etc/somewhere/${name}.toml`;
  const text = textOf(name);
  expect(readAtBuild(name, {file, text}, known(name))).toEqual(readPolicyText(file, text));
});

test('a text that is another by now is read anew, and so is a file of another name', () => {
  const text = textOf('ext4');
  const place = {file: '/x/ext4.toml', text: `${text}\n`};
  expect(readAtBuild('ext4', place, known('ext4'))).toBeUndefined();
  expect(readAtBuild('ext3', {...place, text}, known('ext4'))).toBeUndefined();
  expect(readAtBuild('constructor', {...place, text}, known('ext4'))).toBeUndefined();
});

test.each(['early', 'main'])('the texts that ship are in %s.code.js', (code) => {
  const program = readFileSync(join(CHECKOUT, `dist/cli/${code}.code.js`), 'utf8');
  // As it stands in a program: between quotation marks of one kind or another.
  const lines = NAMES.flatMap((name) => textOf(name).split('\n')).filter((line) =>
    /^[a-z_]+ = [\w]+$/.test(line),
  );
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) expect(program).toContain(line);
});
