import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import type { ControlName, ControlVariable } from '../model/playback.ts';
import { child } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatControl, formatControlQuery, parseControl } from './rendering-codec.ts';

type Context = { readonly options: { readonly answerTimeout: number }; readonly signal: AbortSignal };

/** Values as far as the device knows them; `names` empty: of all. @throws XpmnError as the device says; `malformed` */
export async function variablesOfPlayer(channel: StanzaChannel, names: readonly ControlName[], { options, signal }: Context): Promise<ControlVariable[]> {
  const answer = await channel.request({ type: 'get', payload: formatControlQuery(names) }, { signal, timeout: options.answerTimeout });
  const control = child(answer, 'control', NS.control);
  if (!control) throw new XpmnError('malformed', 'The device answered with something else than was asked for.');
  return parseControl(control);
}

/** All or none. @throws XpmnError `not-found`, `not-acceptable`, as the device says */
export async function setOnPlayer(channel: StanzaChannel, variables: readonly ControlVariable[], { options, signal }: Context): Promise<void> {
  await channel.request({ type: 'set', payload: formatControl(variables) }, { signal, timeout: options.answerTimeout });
}
