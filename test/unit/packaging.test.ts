import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {CHECKOUT} from '../support/checkout.js';
import {readDockerfile} from '../support/scratch/dockerfile.js';

const read = (name: string): string => readFileSync(join(CHECKOUT, name), 'utf8');
const SCRIPTS = readdirSync(join(CHECKOUT, 'packaging/docker'));

describe('the Dockerfile', () => {
  const stages = readDockerfile();

  test('runs nothing but scripts of packaging/docker, and each of them', () => {
    const used = stages.flatMap(({instructions}) =>
      instructions
        .filter(({name}) => ['RUN', 'HEALTHCHECK'].includes(name))
        .map(
          ({text}) =>
            /(?:^|CMD \[")\/?(?:[\w-]+\/)*docker\/([\w-]+\.sh)(?:"\]| [\w/]+)?$/.exec(text)?.[1] ?? text,
        ),
    );
    expect(used.sort()).toEqual([...SCRIPTS].sort());
  });

  test('copies from the checkout only what is there', () => {
    for (const {instructions} of stages) {
      for (const {name, text} of instructions) {
        if (name !== 'COPY' || text.startsWith('--from=')) continue;
        for (const source of text.split(/\s+/).slice(0, -1))
          expect(() => statSync(join(CHECKOUT, source))).not.toThrow();
      }
    }
  });

  test('a server has no root; the stages are named in its own commands', () => {
    const server = stages.find(({name}) => name === 'server');
    expect(server?.instructions).toContainEqual({name: 'USER', text: '65534:65534'});
    expect(stages.at(-1)?.name).toBe('manager');
  });

  test.each(SCRIPTS)('%s can be run by itself', (name) => {
    expect(statSync(join(CHECKOUT, 'packaging/docker', name)).mode & 0o111).toBe(0o111);
    expect(read(`packaging/docker/${name}`)).toMatch(/^#!\/bin\/sh\n# /);
  });
});

test('the Debian changelog is of the version of the package', () => {
  const {version} = JSON.parse(read('package.json')) as {version: string};
  expect(read('packaging/debian/changelog').split('\n')[0]).toBe(
    `fuseward (${version}) unstable; urgency=medium`,
  );
});
