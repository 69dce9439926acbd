import {loadPolicy} from '../policy/load.js';
import {shippedFiles} from '../policy/policy-files.js';
import {childProcess} from '../sys/child-process.js';
import {type KernelFeatures, kernelFeatures} from '../sys/kernel.js';
import {kernelDefects} from '../sys/kernel-defects.js';
import {type FuseOffer, probeFuse} from './fuse-probe.js';
import {limitWords} from './limits.js';
import {findTool} from './tools.js';

/** `missing` keeps contained mounts from working; `limited` takes something from them. */
export type FeatureState = 'ok' | 'limited' | 'missing';

/** One thing this machine has or lacks. */
export interface Feature {
  readonly name: string;
  readonly state: FeatureState;
  /** What was found. */
  readonly found: string;
  /** What that means, and what to do where something can be done. */
  readonly meaning: string;
}

/** The protocol versions that the server library speaks. */
const OLDEST_MINOR = 31;

function feature(name: string, state: FeatureState, found: string, meaning: string): Feature {
  return {name, state, found, meaning};
}

function fuseFeatures(kernel: KernelFeatures, offer: FuseOffer | string): Feature[] {
  const device = kernel.fuseDevice
    ? feature('/dev/fuse', 'ok', 'present', 'the kernel can hand requests to a server')
    : feature('/dev/fuse', 'missing', 'absent', 'no mount is possible; load the module: modprobe fuse');
  if (typeof offer === 'string') {
    return [
      device,
      feature('FUSE protocol', 'limited', `not asked: ${offer}`, 'run as root to see what the kernel speaks'),
    ];
  }
  const version = `${offer.major}.${offer.minor}`;
  const spoken = offer.major === 7 && offer.minor >= OLDEST_MINOR;
  return [
    device,
    spoken
      ? feature('FUSE protocol', 'ok', version, 'spoken by the servers, up to 7.45')
      : feature('FUSE protocol', 'missing', version, `servers need 7.${OLDEST_MINOR} or newer (Linux 5.4)`),
    offer.iomap === 'approved'
      ? feature(
          'iomap',
          'ok',
          'approved',
          'the kernel can do file I/O by itself once servers answer its questions',
        )
      : feature(
          'iomap',
          'limited',
          offer.iomap,
          'all file I/O goes through the servers; no released kernel has iomap yet',
        ),
    offer.ioUring
      ? feature(
          'io_uring',
          'ok',
          'offered',
          'requests travel by io_uring where policy says transport = "io_uring"',
        )
      : feature(
          'io_uring',
          'limited',
          'not offered',
          'requests travel by /dev/fuse, whatever policy says; root may write Y to /sys/module/fuse/parameters/enable_uring',
        ),
  ];
}

function namespaceFeature(kernel: KernelFeatures): Feature {
  const name = 'user namespaces';
  if (kernel.maxUserNamespaces === 0) {
    return feature(
      name,
      'missing',
      'user.max_user_namespaces = 0',
      'no sandbox for servers; raise the sysctl',
    );
  }
  if (kernel.unprivilegedUserNamespaces === false) {
    return feature(
      name,
      'missing',
      'kernel.unprivileged_userns_clone = 0',
      'no sandbox for servers; set the sysctl to 1',
    );
  }
  if (kernel.apparmorRestrictsUserNamespaces === true) {
    const found = 'kernel.apparmor_restrict_unprivileged_userns = 1';
    return feature(
      name,
      'limited',
      found,
      'the sandbox works only if AppArmor has a profile that lets bwrap make them',
    );
  }
  const most =
    kernel.maxUserNamespaces === undefined ? 'unknown number' : `up to ${kernel.maxUserNamespaces}`;
  return feature(name, 'ok', most, 'servers get a sandbox without any privileged step');
}

/** Any user id that is nobody's; the sandbox of a real server has one of its own. */
const NOBODY = 65_534;

function bubblewrapFeature(): Feature {
  const path = findTool('bwrap');
  if (path === undefined) {
    return feature(
      'bubblewrap',
      'missing',
      'absent',
      'servers can only run as systemd services; apt install bubblewrap',
    );
  }
  const version = (
    childProcess().spawnSync(path, ['--version'], {encoding: 'utf8', env: {}}).stdout ?? ''
  ).trim();
  const identity = process.getuid?.() === 0 ? {uid: NOBODY, gid: NOBODY} : {};
  const prlimit = findTool('prlimit');
  if (prlimit === undefined)
    return feature('bubblewrap', 'missing', version, 'prlimit is missing (Debian package util-linux)');
  // As they ship: a policy that can't be used is for those to tell who read it.
  const limits = limitWords(loadPolicy(undefined, shippedFiles).server);
  const args = [...limits, path, '--unshare-all', '--ro-bind', '/', '/', '/bin/true'];
  const trial = childProcess().spawnSync(prlimit, args, {
    encoding: 'utf8',
    env: {},
    cwd: '/',
    timeout: 10_000,
    ...identity,
  });
  if (trial.status === 0)
    return feature('bubblewrap', 'ok', version, 'a trial sandbox started, with the limits of a server');
  const said = (trial.stderr ?? '').trim().split('\n')[0];
  // Where it could not even be started as another user, nothing was said.
  const reason = said || trial.error?.message || `exit code ${trial.status}`;
  return feature('bubblewrap', 'missing', version, `a trial sandbox did not start: ${reason}`);
}

function loopFeature(kernel: KernelFeatures): Feature {
  return kernel.loopControl
    ? feature('loop devices', 'ok', '/dev/loop-control present', 'image files are read through a loop device')
    : feature(
        'loop devices',
        'limited',
        '/dev/loop-control absent',
        'image files are read directly; modprobe loop',
      );
}

function landlockFeature(kernel: KernelFeatures): Feature {
  return kernel.landlockAbi > 0
    ? feature(
        'landlock',
        'ok',
        `ABI ${kernel.landlockAbi}`,
        'servers give up all access to files and networks',
      )
    : feature(
        'landlock',
        'limited',
        'absent or off',
        'one layer less: namespaces and seccomp still hold servers',
      );
}

function seccompFeature(kernel: KernelFeatures): Feature {
  return kernel.seccompActions.includes('kill_process')
    ? feature(
        'seccomp',
        'ok',
        'filters, with kill_process',
        'a server that makes a forbidden system call ends',
      )
    : feature(
        'seccomp',
        'missing',
        kernel.seccompActions.join(' ') || 'absent',
        'servers refuse to run without it',
      );
}

/** By its release number alone: a distribution may have repaired it without changing the number. */
function defectFeature(): Feature {
  const name = 'FUSE defects';
  const defects = kernelDefects();
  if (defects.length === 0)
    return feature(name, 'ok', 'none that is known here', 'nothing is held back for it');
  const found = `${defects.map(({id}) => id).join(', ')}, by its release number`;
  const meaning = defects.map(({what, answer}) => `${what}; here ${answer}`).join('. ');
  return feature(name, 'limited', found, meaning);
}

function askFuse(kernel: KernelFeatures): FuseOffer | string {
  if (!kernel.fuseDevice) return 'no /dev/fuse';
  try {
    return probeFuse();
  } catch (error) {
    return (error as Error).message;
  }
}

/** Looks at everything that contained mounts stand on, trying what can be tried without leaving a trace. */
export function machineFeatures(): Feature[] {
  const kernel = kernelFeatures();
  return [
    feature('kernel', 'ok', kernel.release, 'what follows was found on it'),
    defectFeature(),
    ...fuseFeatures(kernel, askFuse(kernel)),
    loopFeature(kernel),
    landlockFeature(kernel),
    seccompFeature(kernel),
    namespaceFeature(kernel),
    bubblewrapFeature(),
  ];
}
