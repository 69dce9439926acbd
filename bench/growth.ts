import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {loadavg} from 'node:os';
import {join} from 'node:path';
import {CHECKOUT} from '../test/support/checkout.js';
import {field, withUring} from './contenders/all.js';
import {growClients} from './growth/clients.js';
import {Curves} from './growth/curves.js';
import {growFiles} from './growth/files.js';
import {growMounts} from './growth/mounts.js';
import {FULL, SHORT} from './image.js';
import {stopBetween} from './machine/stop.js';
import {optionsOf} from './options.js';
import {rewriteDocument} from './report/docs.js';
import {commandLine, machine} from './report/report.js';

/** What more work costs: files, mounts, clients. Tables, and with `--docs` plots; parts that are not measured stay as they were there. See bench/README.md. */
const PARTS = ['files', 'mounts', 'clients'];
const {values: options} = optionsOf(
  'bench:growth -- [--short] [--part files|mounts|clients] [--only NAME] [--json FILE] [--docs]',
  {
    options: {
      short: {type: 'boolean', default: false},
      part: {type: 'string', multiple: true, default: PARTS},
      only: {type: 'string', multiple: true},
      json: {type: 'string'},
      docs: {type: 'boolean', default: false},
    },
  },
);
const unknown = options.part.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) throw new Error(`--part is one of ${PARTS.join(', ')}`);

const files = options.short ? [100, 1000] : [1000, 10_000, 100_000, 1_000_000];
const most = options.short ? 3 : 100;
const clients = options.short ? [1, 4] : [1, 2, 4, 8, 16];

const {taking, absent} = field({questions: false, only: options.only});
const run = [
  `\`${commandLine('bench:growth', process.argv.slice(2))}\`, one round; ${machine()}; load ${loadavg()[0]!.toFixed(1)} before.`,
  `${taking.map(({name, version}) => `${name}: ${version}`).join('; ')}.`,
  ...absent.map(({name, reason}) => `Not measured: ${name}, ${reason}.`),
].join(' ');
const curves = new Curves(run);
const started = Date.now();
stopBetween();
await withUring(taking, async () => {
  if (options.part.includes('files')) await growFiles(taking, files, curves);
  if (options.part.includes('mounts')) await growMounts(taking, most, files[0]!, curves);
  if (options.part.includes('clients'))
    await growClients(taking, clients, options.short ? SHORT : FULL, curves);
});
console.error(`done after ${Math.round((Date.now() - started) / 1000)} s`);
const docs = join(CHECKOUT, 'docs');
const kept = join(docs, 'growth.json');
if (options.docs && existsSync(kept)) curves.complete(JSON.parse(readFileSync(kept, 'utf8')));
console.log(curves.text());
const json = `${JSON.stringify(curves, undefined, 1)}\n`;
if (options.json !== undefined) writeFileSync(options.json, json);
if (options.docs) {
  writeFileSync(kept, json);
  for (const [file, plot] of curves.plots()) writeFileSync(join(docs, file), plot);
  rewriteDocument(join(docs, 'performance.md'), 'growth', curves.text());
}
