import type {ServerOrder} from '../../manager/face.js';
import {type Command, type CommandDefinition, EXIT} from '../command.js';
import {chooseMount, withManager} from '../mount-source.js';
import {freezeDefinition, shutdownDefinition, syncDefinition, thawDefinition} from './options.js';

function orderCommand(definition: CommandDefinition, order: ServerOrder): Command {
  return {
    definition,
    async run([target], values) {
      await withManager(values, async (client) => {
        const {id} = chooseMount(await client.mounts(), target!);
        await client.order(id, order);
      });
      return EXIT.done;
    },
  };
}

export const freezeCommand: Command = orderCommand(freezeDefinition, 'freeze');
export const thawCommand: Command = orderCommand(thawDefinition, 'thaw');
export const syncCommand: Command = orderCommand(syncDefinition, 'sync');
export const shutdownCommand: Command = orderCommand(shutdownDefinition, 'shutdown');
