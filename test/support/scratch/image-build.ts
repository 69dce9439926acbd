import {spawnSync} from 'node:child_process';
import {existsSync, realpathSync} from 'node:fs';
import {join} from 'node:path';
import {CHECKOUT} from '../checkout.js';
import type {DebianRoot} from './debian-root.js';
import {readDockerfile, type Stage} from './dockerfile.js';
import {Room} from './room.js';

/** npm has to fetch packages, unless its cache has them. */
const STEP_MS = 240_000;

/** A file of this machine that programs are told by an environment variable to take certificates from, if any. */
function certificates(): string | undefined {
  const path = process.env['NODE_EXTRA_CA_CERTS'];
  return path !== undefined && existsSync(path) ? realpathSync(path) : undefined;
}

/** Directories and files of this machine that an image brings along by itself, or that save a download. */
function bindsFor(image: string, debian: DebianRoot): Array<[from: string, to: string]> {
  if (image === 'debian:trixie-slim') return [[debian.archives, '/var/cache/apt/archives']];
  if (image !== 'node:22-trixie-slim') throw new Error(`no stand-in for the image ${image}`);
  const npm = realpathSync(spawnSync('sh', ['-c', 'command -v npm'], {encoding: 'utf8'}).stdout.trim());
  const cache = spawnSync('npm', ['config', 'get', 'cache'], {encoding: 'utf8'}).stdout.trim();
  const authorities = certificates();
  return [
    [realpathSync(process.execPath), '/usr/local/bin/node'],
    [join(npm, '../..'), '/usr/local/lib/node_modules/npm'],
    ...(existsSync(cache) ? ([[realpathSync(cache), '/root/.npm']] as Array<[string, string]>) : []),
    ...(authorities === undefined
      ? []
      : ([[authorities, '/etc/ssl/authorities.crt']] as Array<[string, string]>)),
  ];
}

/**
 * Carries out a Dockerfile without a container engine: each stage in a room over the same Debian, each instruction as Docker's reference
 * has it, as far as this one uses it. The image of Node is Debian with the Node and npm of this machine.
 */
export class ImageBuild {
  readonly #debian: DebianRoot;
  readonly #rooms = new Map<string, Room>();
  readonly #opened: Room[] = [];

  constructor(debian: DebianRoot) {
    this.#debian = debian;
  }

  /** The system that a stage made. */
  room(stage: string): Room {
    const room = this.#rooms.get(stage);
    if (room === undefined) throw new Error(`no stage ${stage}`);
    return room;
  }

  async run(stages: readonly Stage[] = readDockerfile()): Promise<void> {
    for (const stage of stages) await this.#stage(stage);
  }

  async close(): Promise<void> {
    for (const room of this.#opened) await room.close();
  }

  async #start({from}: Stage): Promise<Room> {
    const earlier = this.#rooms.get(from);
    // Stages on top of another one only add to what is said of the image, so they can share it.
    if (earlier !== undefined) return earlier;
    const room = await Room.open(this.#debian.path, bindsFor(from, this.#debian));
    this.#opened.push(room);
    if (from.startsWith('node:')) {
      await room.must(['ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm']);
    }
    return room;
  }

  async #stage(stage: Stage): Promise<void> {
    const room = await this.#start(stage);
    this.#rooms.set(stage.name, room);
    let directory = '/';
    for (const {name, text} of stage.instructions) {
      if (name === 'WORKDIR') {
        directory = text;
        await room.must(['mkdir', '-p', directory]);
      } else if (name === 'COPY') await this.#copy(room, directory, text.split(/\s+/));
      else if (name === 'RUN') {
        const env = {
          PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          ...(certificates() === undefined ? {} : {NODE_EXTRA_CA_CERTS: '/etc/ssl/authorities.crt'}),
        };
        await room.must(['sh', '-c', `cd ${directory} && ${text}`], {timeoutMs: STEP_MS, env});
      }
    }
  }

  async #copy(room: Room, directory: string, args: string[]): Promise<void> {
    const stage = /^--from=(.+)$/.exec(args[0]!)?.[1];
    const sources = args.slice(stage === undefined ? 0 : 1, -1);
    const target = room.path(join('/', directory, args.at(-1)!));
    const from = stage === undefined ? CHECKOUT : this.room(stage).path('/');
    for (const source of sources) {
      // Of a directory Docker copies what is in it, of a file the file, without the path above it.
      const place = join(from, source);
      const whole = spawnSync('test', ['-d', place]).status === 0;
      const [folder, name] = whole ? [place, '.'] : [join(place, '..'), source.split('/').at(-1)!];
      const exclude =
        stage === undefined ? `--exclude-from='${join(CHECKOUT, '.dockerignore')}' --anchored` : '';
      const pipe = `mkdir -p '${target}' && tar -C '${folder}' ${exclude} -c '${name}' | tar -C '${target}' --keep-directory-symlink --no-same-owner -x`;
      const {status, stderr} = spawnSync('bash', ['-o', 'pipefail', '-c', pipe], {encoding: 'utf8'});
      if (status !== 0) throw new Error(`COPY ${args.join(' ')}: ${stderr}`);
    }
  }
}
