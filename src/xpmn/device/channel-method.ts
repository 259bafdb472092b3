import type { EndToEndStream } from '../jingle/applications/end-to-end-stream.ts';
import { createXmlStreamMethod } from '../jingle/applications/xml-stream.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { pathOf } from '../links/path.ts';
import type { XmlElement } from '../model/xml.ts';
import type { ApplicationMethod } from '../ports/application.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { AnswerCache } from '../xmpp/answer-cache.ts';
import type { IqRouter } from '../xmpp/iq-router.ts';
import type { DeviceSettings } from './device-settings.ts';

export interface ChannelMethodDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly router: IqRouter;
  onMessage(message: XmlElement, channel: StanzaChannel): void;
}

/**
 * XML streams, by whichever path. Those through the server are asked less often whether they still live: every question goes through it,
 * behind whatever else does, and what has died there the connection to the server shows.
 */
export function channelMethodFor(given: ChannelMethodDeps, { endToEnd, pingAfterInBand, iq }: DeviceSettings): ApplicationMethod<EndToEndStream> {
  const deps = { ...given, answers: new AnswerCache(iq) };
  const method = createXmlStreamMethod(deps, endToEnd);
  const inBand = createXmlStreamMethod(deps, { ...endToEnd, pingAfter: pingAfterInBand, pingAfterRequest: pingAfterInBand });
  return { ...method, open: (secured, theirs, options) => (pathOf(secured) === 'in-band' ? inBand : method).open(secured, theirs, options) };
}
