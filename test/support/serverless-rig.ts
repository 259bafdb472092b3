import type { Duplex } from 'node:stream';
import { createX509, fingerprintOf } from '../../src/xpmn/jingle/security/tls.ts';
import type { Clock } from '../../src/xpmn/kernel/clock.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { Opened, SecuredChannel } from '../../src/xpmn/links/dialer.ts';
import type { ListedPeer } from '../../src/xpmn/model/identity.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { SecuredStream, SecurityMethod } from '../../src/xpmn/ports/security.ts';
import { AcceptedStreams } from '../../src/xpmn/serverless/accepted-streams.ts';
import type { ServerlessEndpoint } from '../../src/xpmn/serverless/endpoint.ts';
import { secureAsInitiator } from '../../src/xpmn/serverless/initiator.ts';
import { secureAsResponder } from '../../src/xpmn/serverless/responder.ts';
import type { ServerlessOptions } from '../../src/xpmn/serverless/secure.ts';
import { issueCertificate } from '../../src/xpmn/trust/certificate.ts';
import type { DeviceCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import { keyNameOf, privateKeyPem } from '../../src/xpmn/trust/keys.ts';
import { FakeApplication } from '../fakes/fake-application.ts';
import { testKey } from './keys.ts';
import { settings } from './settings.ts';

/** A device with a certificate of its own. */
export interface LinkParty {
  readonly jid: Jid;
  readonly identity: ListedPeer;
  readonly fingerprint: string;
  readonly certificate: Buffer;
  readonly x509: SecurityMethod;
}

export async function linkParty(name: string): Promise<LinkParty> {
  const key = await testKey(`link-${name}`);
  const jid = parseJid(`romeo@home.test/${name}`);
  const certificate = issueCertificate({ clock: systemClock, random: systemRandom }, { certificateYears: 10 }, key, { commonName: name, jid });
  return partyOf({ jid, key: keyNameOf(key), certificate, privateKey: privateKeyPem(key) });
}

/** The device with those credentials. */
export function partyOf({ jid, key, certificate: { pem, der }, privateKey }: Pick<DeviceCredentials, 'jid' | 'key' | 'certificate' | 'privateKey'>): LinkParty {
  return {
    jid,
    identity: { verdict: 'own', key, jid, network: key, roles: [] },
    fingerprint: fingerprintOf(der),
    certificate: der,
    x509: createX509({ credentials: { certificate: pem, privateKey }, clock: systemClock }, settings.tls),
  };
}

/** A device that knows `friends`, and whose channels are bare byte streams. */
export class LinkDevice implements ServerlessEndpoint {
  readonly local: Jid;
  readonly fingerprint: string;
  readonly streams = new AcceptedStreams();
  readonly application = new FakeApplication('urn:channel');
  readonly channelMethod: ServerlessEndpoint['channelMethod'];
  /** What peers have opened to it. */
  readonly opened: { readonly peer: Jid; readonly path: string; readonly application: SecuredChannel }[] = [];
  /** Whom it was asked about. */
  readonly asked: Jid[] = [];
  securities: readonly SecurityMethod[];
  describe: ServerlessEndpoint['describe'];
  private readonly friends: readonly LinkParty[];

  constructor(party: LinkParty, friends: readonly LinkParty[], securities: readonly SecurityMethod[] = [party.x509]) {
    this.local = party.jid;
    this.fingerprint = party.fingerprint;
    this.friends = friends;
    this.securities = securities;
    // A byte stream is no channel for stanzas; what runs on it does not matter here.
    this.channelMethod = this.application as unknown as ServerlessEndpoint['channelMethod'];
  }

  methods(): readonly SecurityMethod[] {
    return this.securities;
  }

  accept(leaf: Buffer, peer: Jid): Promise<ListedPeer> {
    this.asked.push(peer);
    const known = this.friends.find(({ certificate, jid }) => certificate.equals(leaf) && jid === peer);
    return known ? Promise.resolve(known.identity) : Promise.reject(new XpmnError('not-trusted', 'A stranger.'));
  }

  onChannel(peer: Jid, { application, path }: Opened<SecuredChannel>): void {
    this.opened.push({ peer, application, path });
  }
}

export const linkOptions: ServerlessOptions = settings.linkLocal;

/** Both ends of a wire, run against each other. */
export async function securedOver(
  [up, down]: readonly [Duplex, Duplex], { initiator, responder, clock = systemClock }: { readonly initiator: LinkDevice; readonly responder: LinkDevice; readonly clock?: Clock },
): Promise<{ readonly initiator: SecuredStream; readonly responder: SecuredStream }> {
  const never = new AbortController().signal;
  const endpointFor = (to: Jid | undefined): ServerlessEndpoint | undefined => (to === undefined || to === responder.local ? responder : undefined);
  const [near, far] = await Promise.all([
    secureAsInitiator(up, { own: initiator, peer: responder.local, introduce: false, signal: never }, { clock }, linkOptions),
    secureAsResponder(down, { clock, random: systemRandom, endpointFor }, linkOptions, never),
  ]);
  return { initiator: near, responder: far.secured };
}
