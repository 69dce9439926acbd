import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {CHECKOUT} from '../../support/checkout.js';

test('the simulated kernel knows nothing of the server but sockets and struct declarations', () => {
  const folder = join(CHECKOUT, 'test/support/kernel-sim');
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  expect(names.length).toBeGreaterThan(20);
  const strangers = names.flatMap((name) =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/from '([^']*\/src\/[^']+)'/g)]
      .map((match) => match[1]!)
      .filter((path) => !/\/src\/(sys|wire)\//.test(path))
      .map((path) => `${name}: ${path}`),
  );
  expect(strangers).toEqual([]);
});
