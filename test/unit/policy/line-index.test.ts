import {parse} from 'smol-toml';
import {expect, test} from 'vitest';
import {dottedPath, indexLines} from '../../../src/policy/line-index.js';

/** Every path in a parsed text, tables and items of lists too. */
function pathsOf(value: unknown, path: Array<string | number> = []): string[] {
  if (typeof value !== 'object' || value === null || value instanceof Date) return [];
  return Object.entries(value).flatMap(([key, each]) => {
    const own = [...path, Array.isArray(value) ? Number(key) : key];
    return [dottedPath(own), ...pathsOf(each, own)];
  });
}

const TRICKY = `# comment with = and [server]
loop = "always" # [server]
"quoted.key" = 1
'single' = 2
a.b.c = 3
a . "b c" = 4
text = """
[server]
tasks = 1
ends in two quotes"" """
literal = '''
key = 5
'\\'''
inline = {x = 1, "y.z" = {deep = [1, {deeper = 2}]}, s = "}"}
list = [
  "one", # a comment, with "quotes" and ]
  "two",
  # nothing here
  ["three", 'fo]ur'],
]
esc = "a \\" = \\\\"
after = 1979-05-27T07:32:00Z

[server]
tasks = 3
  [ server . deeper ]
x = -0.5e3

[[allow]]
users = ["root"]
[allow.more]
z = true
[[allow]]
users = [ "ada",
  "bob" ]
[[allow.inner]]
q = 1
[[allow.inner]]
q = 2
[last]`;

test('finds the line of every key, in whatever way it is written', () => {
  const index = indexLines(TRICKY);
  const paths = pathsOf(parse(TRICKY));
  expect(paths.length).toBeGreaterThan(40);
  for (const path of paths) expect(index.get(path), path).toBeGreaterThan(0);
  const lines = TRICKY.split('\n');
  const lineOf = (path: string): string => lines[index.get(path)! - 1]!;
  expect(lineOf('loop')).toMatch(/^loop/);
  expect(lineOf('"quoted.key"')).toMatch(/^"quoted/);
  expect(lineOf('a.b.c')).toMatch(/^a\.b\.c/);
  expect(lineOf('a."b c"')).toMatch(/^a \. /);
  expect(lineOf('literal')).toMatch(/^literal/);
  expect(lineOf('inline."y.z".deep.1.deeper')).toMatch(/^inline/);
  expect(lineOf('list.1')).toBe('  "two",');
  expect(lineOf('list.2.1')).toMatch(/three/);
  expect(lineOf('after')).toMatch(/^after/);
  expect(lineOf('server')).toBe('[server]');
  expect(index.get('server')).toBeGreaterThan(20);
  expect(lineOf('server.tasks')).toBe('tasks = 3');
  expect(lineOf('server.deeper.x')).toMatch(/^x = /);
  expect(index.get('allow.1')! - index.get('allow.0')!).toBe(4);
  expect(lineOf('allow.1.users.1')).toBe('  "bob" ]');
  expect(lineOf('allow.0.more.z')).toBe('z = true');
  expect([lineOf('allow.1.inner.0.q'), lineOf('allow.1.inner.1.q')]).toEqual(['q = 1', 'q = 2']);
  expect(lineOf('last')).toBe('[last]');
});

test('counts lines that end as on Windows', () => {
  expect(indexLines('a = 1\r\n\r\nb = 2\r\n').get('b')).toBe(3);
});

test('of random text it ends as well', () => {
  for (const text of [
    '[',
    '[[',
    '"',
    "'''",
    'a',
    'a =',
    'a = [',
    'a = {',
    'a = {b',
    '=',
    ']',
    '}}',
    'é = 1',
    '\u0000',
  ])
    expect(() => indexLines(text)).not.toThrow();
});
