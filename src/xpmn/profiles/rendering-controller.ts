import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import type { ControlName, ControlVariable } from '../model/playback.ts';
import { child, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatControl, formatControlQuery, parseControl, parseControls } from './rendering-codec.ts';

type Context = { readonly options: { readonly answerTimeout: number }; readonly signal: AbortSignal };

/** The variables that a device has, of those that we know. @throws XpmnError as the device says; `malformed` */
export async function controlsOfPlayer(channel: StanzaChannel, context: Context): Promise<ControlName[]> {
  return parseControls(await ask(channel, xml('get-controls', NS.control), 'controls', context));
}

/** Values as far as the device knows them; `names` empty: of all. @throws XpmnError as the device says; `malformed` */
export async function variablesOfPlayer(channel: StanzaChannel, names: readonly ControlName[], context: Context): Promise<ControlVariable[]> {
  return parseControl(await ask(channel, formatControlQuery(names), 'control', context));
}

/** All or none. @throws XpmnError `not-found`, `not-acceptable`, as the device says */
export async function setOnPlayer(channel: StanzaChannel, variables: readonly ControlVariable[], { options, signal }: Context): Promise<void> {
  await channel.request({ type: 'set', payload: formatControl(variables) }, { signal, timeout: options.answerTimeout });
}

async function ask(channel: StanzaChannel, payload: XmlElement, answered: string, { options, signal }: Context): Promise<XmlElement> {
  const answer = await channel.request({ type: 'get', payload }, { signal, timeout: options.answerTimeout });
  const element = child(answer, answered, NS.control);
  if (!element) throw new XpmnError('malformed', 'The device answered with something else than was asked for.');
  return element;
}
