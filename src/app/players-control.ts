import type { PlayerSide } from '../xpmn/gateway/player-side.ts';
import type { PlayersControl } from './gateway-api.ts';

/** What a gateway knows of players, for the control API. */
export function playersControl(side: Pick<PlayerSide, keyof PlayersControl>): PlayersControl {
  return {
    open: (device, request, { signal }) => side.open(device, request, signal),
    command: (device, command, { signal }) => side.command(device, command, signal),
    now: (device, { signal }) => side.now(device, signal),
    wait: (device, after, signal) => side.wait(device, after, signal),
  };
}
