import {readFileSync, realpathSync} from 'node:fs';

/** Names and numbers of users and groups. */
export interface Accounts {
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
  /** Name of a user, for messages. */
  userName(uid: number): string | undefined;
  /** Primary group of a user. */
  primaryGroup(uid: number): number | undefined;
  /** Every group in /etc/group that lists a user by name. */
  groupsOf(uid: number): number[];
  /** Home directory without symbolic links. */
  home(uid: number): string | undefined;
}

/** A directory service may be out of reach; rules by number work without. */
const LOOKUP_MS = 2_000;
const GETENT = '/usr/bin/getent';

type Database = 'passwd' | 'group';

function readDatabase(database: Database): string[][] {
  try {
    return readFileSync(`/etc/${database}`, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}

/** What other sources of accounts than the file know (LDAP, systemd), by way of getent(1). */
function ask(database: Database, key: string): string[] | undefined {
  // Loaded where it is needed: it takes 8 ms.
  const {spawnSync} = process.getBuiltinModule('node:child_process');
  const {status, stdout} = spawnSync(GETENT, ['--', database, key], {
    encoding: 'utf8',
    env: {},
    cwd: '/',
    timeout: LOOKUP_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.split('\n', 1)[0]!.split(':') : undefined;
}

/** The accounts of this machine: /etc/passwd and /etc/group, read once, then what getent(1) knows. */
export class SystemAccounts implements Accounts {
  readonly #known: Partial<Record<Database, string[][]>> = {};

  userId(name: string): number | undefined {
    // Also where there is no passwd file at all, as in a small container.
    return name === 'root' ? 0 : idOf(this.#byName('passwd', name));
  }

  groupId(name: string): number | undefined {
    return idOf(this.#byName('group', name));
  }

  userName(uid: number): string | undefined {
    return uid === 0 ? 'root' : this.#user(uid)?.[0];
  }

  primaryGroup(uid: number): number | undefined {
    const id = this.#user(uid)?.[3];
    return id === undefined ? undefined : Number(id);
  }

  groupsOf(uid: number): number[] {
    const name = this.userName(uid);
    if (name === undefined) return [];
    const listed = this.#file('group').filter(([, , , members]) => members?.split(',').includes(name));
    return listed.map(([, , id]) => Number(id));
  }

  home(uid: number): string | undefined {
    const home = this.#user(uid)?.[5];
    if (home === undefined || !home.startsWith('/')) return undefined;
    try {
      return realpathSync(home);
    } catch {
      return undefined;
    }
  }

  #user(uid: number): string[] | undefined {
    return this.#file('passwd').find(([, , id]) => id === String(uid)) ?? ask('passwd', String(uid));
  }

  #byName(database: Database, name: string): string[] | undefined {
    return this.#file(database).find(([entry]) => entry === name) ?? ask(database, name);
  }

  #file(database: Database): string[][] {
    this.#known[database] ??= readDatabase(database);
    return this.#known[database];
  }
}

function idOf(entry: readonly string[] | undefined): number | undefined {
  const id = entry?.[2];
  return id !== undefined && /^\d{1,10}$/.test(id) ? Number(id) : undefined;
}
