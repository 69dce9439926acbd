import {type Feature, machineFeatures} from '../../launch/features.js';
import {loadPolicy} from '../../policy/index.js';
import {type Command, EXIT, print} from '../command.js';
import {probeContainment} from './containment.js';
import {doctorDefinition} from './options.js';

const MARKS: Readonly<Record<Feature['state'], string>> = {ok: 'ok', limited: '--', missing: 'NO'};

export const doctorCommand: Command = {
  definition: doctorDefinition,
  run(_positionals, values) {
    if (values['containment'] === true) {
      const {server} = loadPolicy(undefined, values['policy'] as string | undefined);
      const unit = values['unit'] as string | undefined;
      return probeContainment(server, {json: values['json'] === true, unit});
    }
    const features = machineFeatures();
    const works = features.every(({state}) => state !== 'missing');
    if (values['json'] === true) {
      print(JSON.stringify({works, features}, null, 2));
    } else {
      const width = Math.max(...features.map(({name}) => name.length));
      for (const {name, state, found, meaning} of features) {
        print(`${MARKS[state]}  ${name.padEnd(width)}  ${found}: ${meaning}`);
      }
      print(
        works
          ? '\nContained mounts work here.'
          : '\nContained mounts do not work here: see the lines marked NO.',
      );
    }
    return works ? EXIT.done : EXIT.failed;
  },
};
