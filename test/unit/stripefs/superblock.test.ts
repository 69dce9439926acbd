import assert from 'node:assert/strict';
import {describe, expect, test} from 'vitest';
import {decodeSuperblock, limits, type StripefsError} from '../../../src/stripefs/index.js';
import {bytesOf, directory, document, file, type Json, OWNER} from '../../support/stripefs/document.js';

const linear = (member: number, offset: number, length: number): Json => ({
  type: 'linear',
  length,
  member,
  offset,
});
const striped = (length: number, chunk: number, ...offsets: number[]): Json => ({
  type: 'striped',
  length,
  chunk,
  strips: offsets.map((offset, member) => ({member, offset})),
});
const LINEAR = linear(0, 0, 512);
const one = (extents: Json[], size = 512): Json => document([file('f', size, extents)]);
const entry = (more: Record<string, Json>): Json => document([{...(file('f', 0, []) as object), ...more}]);
const without = (name: string): Json => {
  const {[name]: _, ...rest} = file('f', 0, []) as Record<string, Json>;
  return document([rest]);
};
const top = (more: Record<string, Json>): Json => document([], more);
const members = (...list: Json[]): Json => top({members: list});
const member = (path: Json): Json => members({path, size: 1});

/** Directories in each other. */
function nested(levels: number): Json {
  let entries: Json[] = [];
  for (let level = 0; level < levels; level++) entries = [directory('d', entries)];
  return document(entries);
}

const INVALID: Array<[what: string, value: Json, code: string, file?: string | undefined, field?: string]> = [
  ['a number', 1, 'not-stripefs', undefined, 'format'],
  ['null', null, 'not-stripefs', undefined, 'format'],
  ['a list', [], 'not-stripefs', undefined, 'format'],
  ['another format', top({format: 'famfs'}), 'not-stripefs', undefined, 'format'],
  ['another version', top({version: 2}), 'version', undefined, 'version'],
  ['a version in a text', top({version: '1'}), 'version', undefined, 'version'],
  ['a field that nobody knows', top({compression: true}), 'unknown-field', undefined, 'compression'],
  ['a block size below a sector', top({blockSize: 256}), 'power-of-two', undefined, 'blockSize'],
  ['a block size above 64 KiB', top({blockSize: 131_072}), 'power-of-two', undefined, 'blockSize'],
  ['a block size that is no power of two', top({blockSize: 768}), 'power-of-two', undefined, 'blockSize'],
  ['sharing by a number', top({sharedExtents: 1}), 'boolean', undefined, 'sharedExtents'],
  ['members as an object', top({members: {}}), 'list', undefined, 'members'],
  [
    '17 members',
    members(...Array.from({length: 17}, (_, n) => ({path: `${n}`, size: 1}))),
    'list',
    undefined,
    'members',
  ],
  ['a member that is a text', members('a.img'), 'object', undefined, 'members[0]'],
  ['a member without a size', members({path: 'a'}), 'missing-field', undefined, 'members[0].size'],
  ['a member of 2^53 bytes', members({path: 'a', size: 2 ** 53}), 'number', undefined, 'members[0].size'],
  ['a member of -1 bytes', members({path: 'a', size: -1}), 'number', undefined, 'members[0].size'],
  ['a member of half a byte', members({path: 'a', size: 0.5}), 'number', undefined, 'members[0].size'],
  ['a member of "1" bytes', members({path: 'a', size: '1'}), 'number', undefined, 'members[0].size'],
  ['a member that leads up', member('../shadow'), 'member-path', undefined, 'members[0].path'],
  [
    'a member that leads up behind a name',
    member('a/../../shadow'),
    'member-path',
    undefined,
    'members[0].path',
  ],
  ['a member in this very directory', member('./a'), 'member-path', undefined, 'members[0].path'],
  ['a member with two slashes', member('a//b'), 'member-path', undefined, 'members[0].path'],
  ['a member with two slashes in front', member('//a'), 'member-path', undefined, 'members[0].path'],
  ['a member that ends with a slash', member('a/'), 'member-path', undefined, 'members[0].path'],
  ['the root directory', member('/'), 'member-path', undefined, 'members[0].path'],
  ['a member with a NUL', member('a\0b'), 'member-path', undefined, 'members[0].path'],
  ['a member with an escape', member('\x1b[2J'), 'member-path', undefined, 'members[0].path'],
  ['a member without a path', member(''), 'text', undefined, 'members[0].path'],
  ['a member with half a character', member('\ud800'), 'text', undefined, 'members[0].path'],
  ['a member of 1025 bytes', member(`${'é'.repeat(512)}a`), 'text', undefined, 'members[0].path'],
  [
    'a member named twice',
    members({path: 'a', size: 1}, {path: 'a', size: 2}),
    'member-twice',
    undefined,
    'members[1].path',
  ],

  ['a root that is a file', top({root: {...(file('', 0, []) as object)}}), 'root-type', '/', 'type'],
  ['a root with a name', top({root: directory('root', [])}), 'unknown-field', '/', 'name'],
  ['no root', top({root: null}), 'node-type', '/', 'type'],
  ['entries as an object', top({root: directory('', {} as Json[])}), 'unknown-field'],
  ['an entry that is a list', document([[]]), 'node-type', '/', 'entries[0].type'],
  ['a type that objects have by birth', entry({type: 'constructor'}), 'node-type', '/', 'entries[0].type'],
  ['a device', entry({type: 'device'}), 'node-type', '/', 'entries[0].type'],
  ['a file with entries', entry({entries: []}), 'unknown-field', '/', 'entries[0].entries'],
  [
    'a directory with extents',
    document([directory('d', [], {extents: []})]),
    'unknown-field',
    '/',
    'entries[0].extents',
  ],
  ['a name that goes up', entry({name: '..'}), 'name', '/', 'entries[0].name'],
  ['a name that stays', entry({name: '.'}), 'name', '/', 'entries[0].name'],
  ['a name with a slash', entry({name: 'a/b'}), 'name', '/', 'entries[0].name'],
  ['a name with a NUL', entry({name: 'a\0'}), 'name', '/', 'entries[0].name'],
  ['an empty name', entry({name: ''}), 'text', '/', 'entries[0].name'],
  ['a name of 256 bytes', entry({name: 'é'.repeat(128)}), 'text', '/', 'entries[0].name'],
  ['a name with half a character', entry({name: 'a\udc00'}), 'text', '/', 'entries[0].name'],
  ['a name that is a number', entry({name: 1}), 'text', '/', 'entries[0].name'],
  ['no name', without('name'), 'missing-field', '/', 'entries[0].name'],
  ['a name twice', document([file('f', 0, []), directory('f', [])]), 'name-twice', '/', 'entries[1]'],
  ['33 directories in each other', nested(33), 'depth', `/${'d/'.repeat(32)}d`],
  ['a mode in decimal', entry({mode: 420}), 'mode', '/f', 'mode'],
  ['a mode with type bits', entry({mode: '100644'}), 'mode', '/f', 'mode'],
  ['a mode with an 8', entry({mode: '0688'}), 'mode', '/f', 'mode'],
  ['a user id of 2^32 - 1', entry({uid: 2 ** 32 - 1}), 'number', '/f', 'uid'],
  ['a group id of -1', entry({gid: -1}), 'number', '/f', 'gid'],
  ['no owner', without('uid'), 'missing-field', '/f', 'uid'],
  ['a time in a text', entry({mtime: '2024-01-01'}), 'number', '/f', 'mtime'],
  ['a time with a second too many nanoseconds', entry({mtime: [0, 1e9]}), 'number', '/f', 'mtime[1]'],
  ['a time of one number in a list', entry({mtime: [0]}), 'list', '/f', 'mtime'],
  ['a time of three numbers', entry({atime: [0, 0, 0]}), 'list', '/f', 'atime'],
  ['a time after the sun', entry({ctime: 2 ** 41}), 'number', '/f', 'ctime'],
  [
    'a link without a target',
    document([{name: 'l', type: 'symlink', ...OWNER}]),
    'missing-field',
    '/l',
    'target',
  ],
  [
    'a link to nowhere',
    document([{name: 'l', type: 'symlink', ...OWNER, target: ''}]),
    'text',
    '/l',
    'target',
  ],
  [
    'a link of 4096 bytes',
    document([{name: 'l', type: 'symlink', ...OWNER, target: 'x'.repeat(4096)}]),
    'text',
    '/l',
    'target',
  ],
  [
    'a link with a NUL',
    document([{name: 'l', type: 'symlink', ...OWNER, target: 'a\0b'}]),
    'target',
    '/l',
    'target',
  ],

  ['a size of 2^53', entry({size: 2 ** 53}), 'number', '/f', 'size'],
  ['a size of -1', entry({size: -1}), 'number', '/f', 'size'],
  ['extents that are too short', one([LINEAR], 513), 'extents-short', '/f', 'extents'],
  ['a file without its extents', one([], 1), 'extents-short', '/f', 'extents'],
  ['an extent behind the end', one([LINEAR, linear(0, 512, 512)]), 'extent-behind-end', '/f', 'extents[1]'],
  ['an extent of an empty file', one([LINEAR], 0), 'extent-behind-end', '/f', 'extents[0]'],
  ['an extent that is null', one([null]), 'extent-type', '/f', 'extents[0].type'],
  [
    'an extent of another type',
    one([{type: 'toString', length: 512}]),
    'extent-type',
    '/f',
    'extents[0].type',
  ],
  ['an extent without length', one([{type: 'hole'}]), 'missing-field', '/f', 'extents[0].length'],
  ['an extent of nothing', one([linear(0, 0, 0)]), 'number', '/f', 'extents[0].length'],
  ['an extent of half a block', one([linear(0, 0, 700)]), 'alignment', '/f', 'extents[0].length'],
  ['an extent at half a block', one([linear(0, 256, 512)]), 'alignment', '/f', 'extents[0].offset'],
  ['an extent before its member', one([linear(0, -512, 512)]), 'number', '/f', 'extents[0].offset'],
  ['an extent on a member that is not there', one([linear(2, 0, 512)]), 'number', '/f', 'extents[0].member'],
  ['an extent on member -1', one([linear(-1, 0, 512)]), 'number', '/f', 'extents[0].member'],
  [
    'an extent that its member is too short for',
    one([linear(0, 1 << 20, 512)]),
    'outside-member',
    '/f',
    'extents[0]',
  ],
  [
    'an extent with the end behind 2^53',
    one([linear(0, 2 ** 52, 2 ** 52)]),
    'outside-member',
    '/f',
    'extents[0]',
  ],
  [
    'a hole on a member',
    one([{type: 'hole', length: 512, member: 0}]),
    'unknown-field',
    '/f',
    'extents[0].member',
  ],
  [
    'stripes without a chunk',
    one([{type: 'striped', length: 512, strips: []}]),
    'missing-field',
    '/f',
    'extents[0].chunk',
  ],
  ['a chunk below the block size', one([striped(512, 256, 0, 0)]), 'power-of-two', '/f', 'extents[0].chunk'],
  [
    'a chunk that is no power of two',
    one([striped(512, 1536, 0, 0)]),
    'power-of-two',
    '/f',
    'extents[0].chunk',
  ],
  ['a chunk of 2 GiB', one([striped(512, 2 ** 31, 0, 0)]), 'power-of-two', '/f', 'extents[0].chunk'],
  ['stripes over nothing', one([striped(512, 512)]), 'list', '/f', 'extents[0].strips'],
  [
    '65 strips',
    one([striped(512, 512, ...Array.from({length: 65}, () => 0))]),
    'list',
    '/f',
    'extents[0].strips',
  ],
  [
    'a strip with a length',
    one([{type: 'striped', length: 512, chunk: 512, strips: [{member: 0, offset: 0, length: 512}]}]),
    'unknown-field',
    '/f',
    'extents[0].strips[0].length',
  ],
  [
    'a strip that its member is too short for',
    one([striped(3 * 512, 512, 0, 1 << 20)], 1536),
    'outside-member',
    '/f',
    'extents[0].strips[1]',
  ],
  [
    'strips in each other',
    one(
      [
        {
          type: 'striped',
          length: 2048,
          chunk: 512,
          strips: [
            {member: 0, offset: 0},
            {member: 0, offset: 512},
          ],
        },
      ],
      2048,
    ),
    'overlap',
    '/f',
    'extents[0]',
  ],
  [
    'files in each other',
    document([file('f', 1024, [linear(0, 0, 1024)]), file('g', 512, [linear(0, 512, 512)])]),
    'overlap',
    '/g',
    'extents[0]',
  ],
];

function refusalOf(bytes: Uint8Array): StripefsError {
  try {
    decodeSuperblock(bytes);
  } catch (error) {
    return error as StripefsError;
  }
  return assert.fail('it was taken');
}

describe('a superblock that is refused', () => {
  test.each(INVALID)('%s', (_what, value, code, path, field) => {
    const {code: got, details, errno, message} = refusalOf(bytesOf(value));
    expect(got).toBe(code);
    expect(errno).toMatch(/^E[A-Z]+$/);
    expect(details['file']).toBe(path ?? details['file']);
    expect(details['field']).toBe(field ?? details['field']);
    if (path !== undefined && path.length < 100) expect(message).toContain(path);
  });

  const text = JSON.stringify(document([file('f', 512, [LINEAR])]));
  const TEXTS: Array<[what: string, text: string | Uint8Array, code: string]> = [
    ['nothing', '', 'not-json'],
    ['half a text', text.slice(0, -1), 'not-json'],
    ['something behind it', `${text}x`, 'not-json'],
    ['a mark of byte order', `\ufeff${text}`, 'not-json'],
    ['an open string', '{"format', 'not-json'],
    ['a bad escape in a name', '{"\\x":1}', 'not-json'],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'not-utf8'],
    ['half a pair in three bytes', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), 'not-utf8'],
    ['a field twice', text.replace('"size":512', '"size":512,"size":4096'), 'duplicate-key'],
    [
      'a field twice, once in escapes',
      text.replace('"size":512', '"size":512,"s\\u0069ze":4096'),
      'duplicate-key',
    ],
    [
      'a size that is rounded when it is read',
      text.replace('"size":512', '"size":9007199254740993'),
      'number',
    ],
    ['a prototype', text.replace('"size":512', '"__proto__":{"size":512}'), 'unknown-field'],
    ['lists in lists without end', '['.repeat(1e6), 'json-depth'],
    ['objects in objects without end', '{"a":'.repeat(1e5), 'json-depth'],
    ['more than 16 MiB', Buffer.alloc(limits.SUPERBLOCK_MOST_BYTES + 1, ' '), 'too-large'],
  ];
  test.each(TEXTS)('%s', (_what, input, code) => {
    expect(refusalOf(typeof input === 'string' ? Buffer.from(input) : input).code).toBe(code);
  });

  test('more nodes or extents than there may be', () => {
    const files = Array.from({length: limits.MOST_NODES}, (_, index) => file(`${index}`, 0, []));
    expect(refusalOf(bytesOf(document(files))).code).toBe('too-many-nodes');
    const extents = Array.from({length: limits.MOST_EXTENTS + 1}, () => ({type: 'hole', length: 512}));
    expect(refusalOf(bytesOf(one(extents, extents.length * 512))).code).toBe('list');
    const half = extents.slice(0, limits.MOST_EXTENTS / 2 + 1);
    const two = ['f', 'g'].map((name) => file(name, half.length * 512, half));
    expect(refusalOf(bytesOf(document(two))).code).toBe('too-many-extents');
  });

  test('nothing of a foreign name gets to a terminal unescaped, and no more of it than a line', () => {
    const {message} = refusalOf(bytesOf(entry({name: `\x1b[2J${'x'.repeat(240)}`, mode: 1})));
    expect(message).not.toContain('\x1b');
    expect(message.length).toBeLessThan(250);
  });
});

describe('a superblock that is taken', () => {
  test('with every kind of node and extent', () => {
    const {
      nodes,
      members: named,
      blockSize,
    } = decodeSuperblock(
      bytesOf(
        document([
          file('f', 3000, [striped(2048, 512, 0, 512), {type: 'hole', length: 512}, linear(0, 4096, 512)]),
          directory('d', [{name: 'l', type: 'symlink', ...OWNER, target: '../f', mtime: [-1, 5], ctime: 7}], {
            mode: '1777',
            uid: 7,
          }),
          file('é'.repeat(127), 0, []),
        ]),
      ),
    );
    expect([named.map(({path}) => path), blockSize]).toEqual([['a.img', 'b.img'], 512]);
    expect(nodes.map(({ino, parent, type, size}) => [ino, parent, type, size])).toEqual([
      [1, 1, 'directory', 0],
      [2, 1, 'file', 3000],
      [3, 1, 'directory', 0],
      [4, 3, 'symlink', 4],
      [5, 1, 'file', 0],
    ]);
    expect(nodes[2]).toMatchObject({mode: 0o1777, uid: 7});
    expect(nodes[3]).toMatchObject({
      mtime: {seconds: -1, nanoseconds: 5},
      atime: {seconds: -1, nanoseconds: 5},
      ctime: {seconds: 7, nanoseconds: 0},
    });
  });

  test('32 directories in each other', () => {
    expect(decodeSuperblock(bytesOf(nested(32))).nodes).toHaveLength(33);
  });

  test('files in each other where it says so', () => {
    const shared = document([file('f', 512, [LINEAR]), file('g', 512, [LINEAR])], {sharedExtents: true});
    expect(decodeSuperblock(bytesOf(shared)).nodes).toHaveLength(3);
  });

  test('names that objects have by birth', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const {nodes} = decodeSuperblock(bytesOf(document(names.map((name) => file(name, 0, [])))));
    expect(nodes[0]!.byName!.get('__proto__')?.ino).toBe(2);
    expect(nodes[0]!.byName!.get('valueOf')).toBeUndefined();
  });
});
