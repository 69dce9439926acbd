import type {MountStats} from '../../manager/model.js';
import {Family, type LabelText, labelText} from './family.js';

const counter = (name: string, help: string) => new Family('counter', `fuseward_iomap_${name}_total`, help);

/** What a kernel asks that reads files by itself. Mounts without that have none of these. */
export class IomapFamilies {
  readonly begins = counter('begins', 'Questions where file data lie, by what they were for.');
  readonly ends = counter('ends', 'Operations and I/O that were told to be over.');
  readonly ioErrors = counter('io_errors', 'I/O that the kernel told had failed.');
  readonly upserts = counter('upserts', 'Mappings put into the kernel’s cache, and those it did not take.');
  readonly invalidations = counter('invalidations', 'Ranges that the kernel was made to forget.');
  readonly retries = counter('retries', 'Answers that told the kernel to look into its cache.');
  readonly errors = counter('errors', 'Questions answered with an error.');

  add(mount: LabelText, {iomap}: MountStats): void {
    if (iomap === null) return;
    for (const op of ['Read', 'Write', 'Zero', 'Writeback', 'Report']) {
      this.begins.add(iomap[`begin${op}`], labelText({op: op.toLowerCase()}, mount));
    }
    this.ends.add(iomap['ends'], labelText({of: 'operation'}, mount));
    this.ends.add(iomap['ioends'], labelText({of: 'io'}, mount));
    this.ioErrors.add(iomap['ioErrors'], mount);
    this.upserts.add(iomap['upserts'], labelText({result: 'taken'}, mount));
    this.upserts.add(iomap['upsertFailures'], labelText({result: 'refused'}, mount));
    this.invalidations.add(iomap['invalidations'], labelText({of: 'file'}, mount));
    this.invalidations.add(iomap['deviceInvalidations'], labelText({of: 'device'}, mount));
    this.retries.add(iomap['retries'], mount);
    this.errors.add(iomap['errors'], mount);
  }
}
