import type {MountView} from '../../manager/model.js';
import {Family, type LabelText, labelText} from './family.js';

const HEALTHS = ['ok', 'slow', 'hung', 'dead', 'aborted', 'unknown'] as const;

const gauge = (name: string, help: string) => new Family('gauge', `fuseward_mount_${name}`, help);

/** What is known of a mount without asking its server. */
export class MountFamilies {
  readonly info = gauge('info', 'Names of a mount, for joining; 1.');
  readonly health = gauge('health', '1 for the state that the mount is in, 0 for the others.');
  readonly containment = gauge(
    'containment',
    'What is known of each point of containment: 1, labelled with the state it is in (verified, reported or missing).',
  );
  readonly connected = gauge('connected', 'Whether the manager can talk to the server.');
  readonly frozen = gauge('frozen', 'Whether requests that modify are held.');
  readonly shutDown = gauge('shut_down', 'Whether the server answers everything with EIO, as it was told.');
  readonly start = gauge('start_time_seconds', 'When it was mounted, since 1970.');
  readonly waiting = gauge('waiting_requests', 'Requests that the kernel waits for.');
  readonly answered = gauge('scrape_success', 'Whether the server told its counters for this scrape.');

  add(mount: LabelText, view: MountView): void {
    const {source, target, ours, readOnly} = view;
    const names = {source, target, ours: String(ours), read_only: String(readOnly)};
    this.info.add(1, labelText(names, mount));
    for (const health of HEALTHS) this.health.add(Number(view.health === health), labelText({health}, mount));
    for (const {point, state} of view.seal ?? []) this.containment.add(1, labelText({point, state}, mount));
    this.waiting.add(view.waiting, mount);
    if (view.since !== null) this.start.add(Date.parse(view.since) / 1000, mount);
    if (!ours) return;
    this.connected.add(Number(view.connected), mount);
    this.frozen.add(Number(view.frozen), mount);
    this.shutDown.add(Number(view.shutDown), mount);
  }
}
