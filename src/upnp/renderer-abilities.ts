import type { PlayerAbilities } from '../xpmn/ports/media-player.ts';
import type { RendererServices } from './renderer-services.ts';
import type { RendererState } from './renderer-state.ts';

/** What could be done with what it has now: what its service lists, what it has shown, and what it says at the moment, where that means something. */
export function abilitiesOf(state: RendererState, services: Pick<RendererServices, 'has'>): PlayerAbilities {
  const has = (action: string): boolean => services.has('AVTransport', action);
  const { phase, actions, own, tracks } = state;
  // A device that has stopped lists what it could do at once, not what it could do when it plays.
  const allows = (action: string, ...phases: string[]): boolean => !phases.includes(phase) || actions === undefined || actions.has(action);
  const isList = own === undefined && (tracks > 1 || (tracks === 0 && actions?.has('next') === true));
  return {
    seek: has('Seek') && own?.isSeekable !== false && (allows('seek', 'playing', 'paused') || actions?.has('x_dlna_seektime') === true),
    pause: has('Pause') && allows('pause', 'playing'),
    next: has('Next') && isList,
    previous: has('Previous') && isList,
    volume: services.has('RenderingControl', 'SetVolume'),
    mute: services.has('RenderingControl', 'SetMute'),
  };
}
