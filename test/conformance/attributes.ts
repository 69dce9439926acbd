import assert from 'node:assert/strict';
import {join} from 'node:path';
import {cString, lgetxattr, llistxattr, lsetxattr, xattrSize} from '../support/posix.js';
import {type Check, fails} from './check.js';

/** Extended attributes. */
export const ATTRIBUTES: readonly Check[] = [
  {
    what: 'an attribute is listed and read',
    run: (root) => {
      const path = cString(join(root, 'file'));
      assert.deepEqual(llistxattr(path), ['user.color']);
      assert.equal(lgetxattr(path, 'user.color').toString(), 'green');
    },
  },
  {
    what: 'an attribute that is not there is ENODATA',
    run: (root) => {
      for (const name of ['user.none', 'trusted.none', 'security.none', 'system.posix_acl_access']) {
        fails('ENODATA', () => lgetxattr(cString(join(root, 'file')), name));
      }
      assert.deepEqual(llistxattr(cString(join(root, 'empty'))), []);
    },
  },
  {
    what: 'a name space that nobody knows is EOPNOTSUPP',
    run: (root) => fails('EOPNOTSUPP', () => lgetxattr(cString(join(root, 'file')), 'nowhere.name')),
  },
  {
    what: 'sizes are told without a buffer, and one too small is ERANGE',
    run: (root) => {
      const path = cString(join(root, 'file'));
      assert.equal(xattrSize(path, 'user.color', 0), 5);
      assert.equal(xattrSize(path, null, 0), 'user.color\0'.length);
      fails('ERANGE', () => xattrSize(path, 'user.color', 4));
      fails('ERANGE', () => xattrSize(path, null, 4));
    },
  },
  {
    what: 'user attributes of symlinks are EPERM to set and ENODATA or EPERM to read',
    run: (root) => {
      const path = join(root, 'symlink');
      let code = '';
      try {
        lgetxattr(cString(path), 'user.color');
      } catch (error) {
        code = (error as {code: string}).code;
      }
      assert.match(code, /^(ENODATA|EPERM)$/);
    },
  },
  {
    what: 'setting one is EROFS',
    readOnly: true,
    run: (root) => fails('EROFS', () => lsetxattr(join(root, 'file'), 'user.color', Buffer.from('red'))),
  },
];
