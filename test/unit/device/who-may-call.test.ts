import assert from 'node:assert/strict';
import { mayPair, mayShakeHands, refusalOf } from '../../../src/xpmn/device/who-may-call.ts';
import { NS_S5B } from '../../../src/xpmn/jingle/transports/s5b-codec.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import type { TrustSnapshot } from '../../../src/xpmn/trust/snapshot.ts';
import { identity } from '../../support/secured-pair.ts';
import { device, list, snapshot, somebody } from '../trust/world.ts';

const own = parseJid('me@home.example/gateway');

describe('who may call a device', () => {
  let lists: TrustSnapshot;

  before(async () => {
    const [user, gateway, pal] = await Promise.all([somebody('user'), somebody('gateway'), somebody('pal')]);
    lists = snapshot(
      user,
      list('devices', user, { devices: [device(gateway, own, { roles: 'host', aliases: ['net-abcdefgh@xpmn.local/gateway'] })] }),
      list('friends', user, { friends: [{ who: pal, jid: 'pal@else.example' }] }),
    );
  });

  const inTheOpen = {} as StanzaChannel;
  const endToEnd = { peer: identity('me@home.example/tv', 'a') } as unknown as StanzaChannel;
  const refusal = (peer: string, channel: StanzaChannel, transport = 'urn:ibb', application: string = NS.xmlStream): string | undefined =>
    refusalOf({ peer: parseJid(peer), application, transport, channel }, lists, own)?.code;

  it('by Jingle: devices of the account and of friends; inside an end-to-end stream for all that is private', () => {
    for (const peer of ['me@home.example/tv', 'pal@else.example/x']) {
      assert.equal(refusal(peer, inTheOpen), undefined);
      assert.equal(refusal(peer, inTheOpen, NS_S5B), 'security-required');
      assert.equal(refusal(peer, inTheOpen, 'urn:ibb', NS.outOfBand), 'security-required');
      assert.equal(refusal(peer, endToEnd, NS_S5B, NS.outOfBand), undefined);
    }
    for (const channel of [inTheOpen, endToEnd]) assert.equal(refusal('mallory@evil.example/x', channel), 'peer-unavailable');
  });

  it('to be paired: whoever has logged in to the own account, with a stream of stanzas; no friend', () => {
    const may = (peer: string, channel = inTheOpen, application: string = NS.xmlStream): boolean => mayPair({ peer: parseJid(peer), application, transport: 'urn:ibb', channel }, own);
    assert.ok(may('me@home.example/new'));
    assert.ok(!may('pal@else.example/x'));
    assert.ok(!may('me@home.example/new', endToEnd));
    assert.ok(!may('me@home.example/new', inTheOpen, NS.outOfBand));
  });

  it('on the local link: these, and whoever a list names by an older name; nobody else', () => {
    for (const peer of ['me@home.example/tv', 'pal@else.example/x', 'net-abcdefgh@xpmn.local/gateway']) assert.ok(mayShakeHands(parseJid(peer), lists, own), peer);
    for (const peer of ['mallory@evil.example/x', 'net-abcdefgh@xpmn.local/other', 'net-zzzzzzzz@xpmn.local/gateway']) assert.ok(!mayShakeHands(parseJid(peer), lists, own), peer);
  });
});
