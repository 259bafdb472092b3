import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import forge from 'node-forge';
import fc from 'fast-check';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { judgePeer } from '../../../src/xpmn/trust/acceptance.ts';
import type { Judgement, StrangerReason } from '../../../src/xpmn/trust/acceptance.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { privateKeyPem } from '../../../src/xpmn/trust/keys.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import type { TrustSnapshot } from '../../../src/xpmn/trust/snapshot.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { DAY, device, list, NOW, options, snapshot, somebody } from './world.ts';
import type { Draft, Somebody } from './world.ts';

const ME = 'me@home.example';
const PAL = 'pal@away.example';
const OTHER = 'other@else.example';

/** Two networks: mine (u: gateway g hosts h, phone p, second gateway g2) and a friend's (fu: gateway fg hosts fh, phone fp). */
interface People { u: Somebody; g: Somebody; g2: Somebody; p: Somebody; h: Somebody; fu: Somebody; fg: Somebody; fp: Somebody; fh: Somebody; x: Somebody; xu: Somebody }

let who: People;
const myDevices = (): NonNullable<Draft['devices']> => [
  device(who.g, `${ME}/gateway`, { roles: 'host management', aliases: ['net-abcdefgh@xpmn.local/gateway'] }),
  device(who.g2, `${ME}/attic`, { roles: 'host' }),
  device(who.p, `${ME}/phone`, { aliases: ['old@home.example/phone'] }),
];
const palDevices = (): NonNullable<Draft['devices']> => [
  device(who.fg, `${PAL}/gateway`, { roles: 'host' }),
  device(who.fp, `${PAL}/phone`, { aliases: [`${PAL}/old-phone`] }),
];
const mine = (draft: Draft = {}): VerifiedList => list('devices', who.u, { devices: myDevices(), ...draft });
const myFriends = (draft: Draft = {}): VerifiedList => list('friends', who.u, { friends: [{ who: who.fu, jid: PAL }, { who: who.xu, jid: OTHER }], ...draft });
const myHosted = (draft: Draft = {}): VerifiedList =>
  list('hosted', who.u, { devices: [device(who.h, `${ME}/nas-abcd`, { roles: 'management', aliases: ['net-abcdefgh@xpmn.local/nas-abcd'] })], ...draft }, who.g);
const pals = (draft: Draft = {}): VerifiedList => list('devices', who.fu, { devices: palDevices(), ...draft });
const palHosted = (draft: Draft = {}): VerifiedList => list('hosted', who.fu, { devices: [device(who.fh, `${PAL}/tv-abcd`)], ...draft }, who.fg);
const know = (...lists: VerifiedList[]): TrustSnapshot => snapshot(who.u, mine(), myFriends(), myHosted(), pals(), palHosted(), ...lists);

function judge(peer: Somebody | Buffer, claimed: string, lists: TrustSnapshot = know(), now = NOW): Judgement {
  return judgePeer({ certificate: Buffer.isBuffer(peer) ? peer : peer.leaf, claimed: parseJid(claimed), lists, now }, options);
}

function accepts(verdict: 'own' | 'own-hosted' | 'friend', judgement: Judgement): void {
  assert.equal(judgement.verdict, verdict, JSON.stringify(judgement));
}

function refuses(reason: StrangerReason, judgement: Judgement): void {
  assert.deepEqual(judgement, { verdict: 'stranger', reason });
}

describe('the acceptance of a peer', () => {
  before(async function () {
    this.timeout(60_000);
    const names = ['u', 'g', 'g2', 'p', 'h', 'fu', 'fg', 'fp', 'fh', 'x', 'xu'] as const;
    const made = await Promise.all(names.map(async (name) => [name, await somebody(`acceptance-${name}`)] as const));
    who = Object.fromEntries(made) as unknown as People;
  });

  describe('takes', () => {
    it('a device of mine, with its roles', () => {
      const judgement = judge(who.g, `${ME}/gateway`);
      assert.deepEqual(judgement, {
        verdict: 'own',
        identity: { verdict: 'own', key: who.g.name, jid: `${ME}/gateway`, network: who.u.name, roles: ['host', 'management'] },
      });
    });
    it('a device of mine under an old JID', () => accepts('own', judge(who.p, 'old@home.example/phone')));
    it('what my gateway hosts, without any role that the gateway wrote there', () => {
      const judgement = judge(who.h, `${ME}/nas-abcd`);
      accepts('own-hosted', judgement);
      assert.ok(judgement.verdict !== 'stranger' && judgement.identity.roles.length === 0);
    });
    it('what my gateway hosts under the JID it had before the account', () => accepts('own-hosted', judge(who.h, 'net-abcdefgh@xpmn.local/nas-abcd')));
    it('a friend\'s device, under the friend\'s network and without roles', () => {
      assert.deepEqual(judge(who.fg, `${PAL}/gateway`), {
        verdict: 'friend', identity: { verdict: 'friend', key: who.fg.name, jid: `${PAL}/gateway`, network: who.fu.name, roles: [] },
      });
    });
    it('what a friend\'s gateway hosts', () => accepts('friend', judge(who.fh, `${PAL}/tv-abcd`)));
    it('my own devices, whatever a host says it removed', () => accepts('own', judge(who.p, `${ME}/phone`, know(myHosted({ devices: [], removed: [who.p, who.g] })))));
    it('my own devices long past the expiry of every list, or with clocks that are wrong', () => {
      for (const now of [NOW + 400 * DAY, NOW - 400 * DAY]) {
        accepts('own', judge(who.p, `${ME}/phone`, know(), now));
        accepts('own-hosted', judge(who.h, `${ME}/nas-abcd`, know(), now));
      }
    });
    it('a friend\'s list from a clock that is less than a day ahead', () => accepts('friend', judge(who.fp, `${PAL}/phone`, know(), NOW - DAY)));
  });

  describe('refuses as a stranger', () => {
    it('a key that no list has', () => refuses('not-listed', judge(who.x, `${ME}/phone`)));
    it('everybody, without lists', () => refuses('not-listed', judge(who.p, `${ME}/phone`, snapshot(who.u))));
    it('a right key with another\'s JID', () => {
      refuses('other-jid', judge(who.p, `${ME}/gateway`));
      refuses('other-jid', judge(who.h, `${ME}/phone`));
      refuses('other-jid', judge(who.fp, `${PAL}/gateway`));
      refuses('other-jid', judge(who.fh, `${PAL}/phone`));
    });
    it('a bare JID', () => refuses('other-jid', judge(who.p, ME)));
    it('a friend\'s device under an alias', () => refuses('other-jid', judge(who.fp, `${PAL}/old-phone`)));
    it('a friend\'s user certificate as a device', () => {
      refuses('user-key', judge(who.fu, `${PAL}/phone`));
      refuses('user-key', judge(who.fu, `${PAL}/phone`, know(pals({ devices: [device(who.fu, `${PAL}/phone`)] }))));
      refuses('user-key', judge(who.fu, `${ME}/tv`, know(mine({ devices: [device(who.fu, `${ME}/tv`)] }))));
    });
    it('my own user key as a device, even if it is listed', () => {
      refuses('user-key', judge(who.u, `${ME}/phone`, know(mine({ devices: [device(who.u, `${ME}/phone`)] }))));
    });
    it('a key of a host that its list has, when the host lost the role', () => {
      refuses('not-listed', judge(who.h, `${ME}/nas-abcd`, know(mine({ devices: [device(who.g, `${ME}/gateway`)] }))));
    });
    it('everything a removed host hosted', () => {
      refuses('not-listed', judge(who.h, `${ME}/nas-abcd`, know(mine({ devices: [device(who.p, `${ME}/phone`)], removed: [who.g] }))));
      refuses('not-listed', judge(who.fh, `${PAL}/tv-abcd`, know(pals({ devices: [device(who.fp, `${PAL}/phone`)], removed: [who.fg] }))));
    });
    it('what a device without the role hosts', () => {
      refuses('not-listed', judge(who.x, `${ME}/tv`, know(list('hosted', who.u, { devices: [device(who.x, `${ME}/tv`)] }, who.p))));
    });
    it('what a host of another network hosts in mine', () => {
      refuses('not-listed', judge(who.x, `${ME}/tv`, know(list('hosted', who.u, { devices: [device(who.x, `${ME}/tv`)] }, who.fg))));
    });
    it('a hosted JID outside the account of its host', () => {
      refuses('not-for-the-host', judge(who.x, `${OTHER}/tv`, know(myHosted({ devices: [device(who.x, `${OTHER}/tv`)] }))));
      refuses('not-for-the-host', judge(who.x, `${OTHER}/tv`, know(myHosted({ devices: [device(who.x, `${ME}/tv`, { aliases: [`${OTHER}/tv`] })] }))));
      refuses('not-for-the-host', judge(who.x, 'net-abcdefgh@xpmn.local/tv', know(myHosted({ devices: [device(who.x, 'net-abcdefgh@xpmn.local/tv')] }))));
    });
    it('a hosted entry with a JID that a device holds, now or as an alias', () => {
      for (const jid of [`${ME}/phone`, `${ME}/gateway`, 'net-abcdefgh@xpmn.local/gateway']) {
        refuses('not-for-the-host', judge(who.x, jid, know(myHosted({ devices: [device(who.x, `${ME}/tv`, { aliases: [jid] })] }))));
      }
      refuses('not-for-the-host', judge(who.x, `${ME}/phone`, know(myHosted({ devices: [device(who.x, `${ME}/phone`)] }))));
    });
    it('a device\'s key under the JID that a host lists for it', () => {
      refuses('other-jid', judge(who.p, `${ME}/tv`, know(myHosted({ devices: [device(who.p, `${ME}/tv`)] }))));
    });
    it('both of two hosted entries that claim one JID', () => {
      const rival = list('hosted', who.u, { devices: [device(who.x, `${ME}/nas-abcd`)] }, who.g2);
      refuses('not-for-the-host', judge(who.x, `${ME}/nas-abcd`, know(rival)));
      refuses('not-for-the-host', judge(who.h, `${ME}/nas-abcd`, know(rival)));
    });
    it('a removed device, listed again by another holder of the user key', () => {
      const removal = mine({ devices: myDevices().slice(0, 2), removed: [who.p], seq: 2_000_000_000 });
      const again = mine({ seq: 2_000_000_001 });
      refuses('removed-key', judge(who.p, `${ME}/phone`, know(removal, again)));
      refuses('removed-key', judge(who.fp, `${PAL}/phone`, know(pals({ devices: [], removed: [who.fp] }), pals())));
    });
    it('a removed hosted device, also under another host', () => {
      const removal = myHosted({ devices: [], removed: [who.h] });
      const elsewhere = list('hosted', who.u, { devices: [device(who.h, `${ME}/nas-abcd`)] }, who.g2);
      refuses('removed-key', judge(who.h, `${ME}/nas-abcd`, know(removal, myHosted())));
      refuses('removed-key', judge(who.h, `${ME}/nas-abcd`, know(removal, elsewhere)));
    });
    it('what a removed host hosts, though another holder of the user key lists the host again', () => {
      refuses('not-listed', judge(who.h, `${ME}/nas-abcd`, know(mine({ devices: [], removed: [who.g], seq: 1 }), mine({ seq: 2 }))));
    });
    it('a key that I removed, in the lists of a friend', () => {
      const lent = pals({ devices: [device(who.x, `${PAL}/lent`)] });
      accepts('friend', judge(who.x, `${PAL}/lent`, know(lent)));
      refuses('removed-key', judge(who.x, `${PAL}/lent`, know(lent, mine({ removed: [who.x] }))));
    });
    it('a removed friend', () => {
      refuses('removed-key', judge(who.fp, `${PAL}/phone`, know(myFriends({ friends: [], removed: [who.fu] }), myFriends())));
      refuses('not-listed', judge(who.fp, `${PAL}/phone`, know(myFriends({ friends: [] }))));
    });
    it('a friend whose lists are past their expiry, any of them', () => {
      refuses('list-expired', judge(who.fp, `${PAL}/phone`, know(), NOW + 30 * DAY));
      accepts('friend', judge(who.fp, `${PAL}/phone`, know(), NOW + 30 * DAY - 1));
      refuses('list-expired', judge(who.fp, `${PAL}/phone`, know(pals({ expires: NOW + DAY })), NOW + DAY));
      refuses('list-expired', judge(who.fh, `${PAL}/tv-abcd`, know(palHosted({ expires: NOW + DAY })), NOW + DAY));
      refuses('list-expired', judge(who.fh, `${PAL}/tv-abcd`, know(pals({ expires: NOW + DAY })), NOW + DAY));
      refuses('list-expired', judge(who.fp, `${PAL}/phone`, know(myFriends({ expires: NOW + DAY })), NOW + DAY));
    });
    it('a friend\'s list that says it lives longer than 30 days, after them', () => {
      refuses('list-expired', judge(who.fp, `${PAL}/phone`, know(pals({ expires: NOW + 400 * DAY }), myFriends({ issued: NOW + 5 * DAY })), NOW + 30 * DAY));
    });
    it('a friend\'s list issued more than a day ahead', () => {
      refuses('list-from-the-future', judge(who.fp, `${PAL}/phone`, know(), NOW - DAY - 1));
      refuses('list-from-the-future', judge(who.fh, `${PAL}/tv-abcd`, know(palHosted({ issued: NOW + DAY + 1000 }))));
    });
    it('a friend\'s device under a JID of my account, or of another friend', () => {
      refuses('foreign-jid', judge(who.x, `${ME}/tv`, know(pals({ devices: [device(who.x, `${ME}/tv`)] }))));
      refuses('foreign-jid', judge(who.x, `${OTHER}/tv`, know(pals({ devices: [device(who.x, `${OTHER}/tv`)] }))));
    });
    it('a device of a friend of my friend', () => {
      refuses('not-listed', judge(who.x, `${OTHER}/phone`, snapshot(who.u, mine(), list('friends', who.fu, { friends: [{ who: who.xu, jid: OTHER }] }), list('devices', who.xu, { devices: [device(who.x, `${OTHER}/phone`)] }))));
    });
    it('a leaf with CA:TRUE, right key and right JID', () => refuses('certificate-authority', judge(authorityLeaf(who.p), `${ME}/phone`)));
    it('a key that is no RSA key', () => refuses('weak-key', judge(opensslLeaf('ec', '-pkeyopt', 'ec_paramgen_curve:P-256'), `${ME}/phone`)));
    it('an RSA key that is too short', () => refuses('weak-key', judge(opensslLeaf('rsa:1024'), `${ME}/phone`)));
    it('what is no certificate', () => {
      refuses('bad-certificate', judge(Buffer.alloc(0), `${ME}/phone`));
      refuses('bad-certificate', judge(who.p.leaf.subarray(0, 200), `${ME}/phone`));
      const lists = know();
      fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => refuses('bad-certificate', judge(Buffer.from(bytes), `${ME}/phone`, lists))));
    });
  });

  it('does not look at what the certificate says of itself: name, JID and dates', () => {
    const claims = issueCertificate({ clock: new FakeClock(0), random: new FakeRandom() }, options, who.p.key, { commonName: 'gateway', jid: parseJid(`${ME}/gateway`) });
    accepts('own', judge(claims.der, `${ME}/phone`));
    refuses('other-jid', judge(claims.der, `${ME}/gateway`));
  });

  it('changes neither question nor answer when asked again', () => {
    const lists = know();
    fc.assert(fc.property(fc.constantFrom(...Object.keys(who) as (keyof People)[]), fc.constantFrom(`${ME}/phone`, `${ME}/nas-abcd`, `${PAL}/phone`), (name, jid) => {
      const answer = judge(who[name], jid, lists);
      assert.deepEqual(judge(who[name], jid, lists), answer);
      if (answer.verdict !== 'stranger') assert.equal(answer.identity.key, who[name].name);
    }), { numRuns: 50 });
  });
});

function authorityLeaf({ key }: Somebody): Buffer {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString());
  certificate.serialNumber = '01';
  certificate.setSubject([{ name: 'commonName', value: 'x' }]);
  certificate.setIssuer([{ name: 'commonName', value: 'x' }]);
  certificate.setExtensions([{ name: 'basicConstraints', cA: true }]);
  certificate.sign(forge.pki.privateKeyFromPem(privateKeyPem(key)), forge.md.sha256.create());
  return Buffer.from(forge.asn1.toDer(forge.pki.certificateToAsn1(certificate)).getBytes(), 'latin1');
}

/** A certificate of a kind that we never make ourselves. */
function opensslLeaf(algorithm: string, ...more: string[]): Buffer {
  return execFileSync('openssl', ['req', '-x509', '-newkey', algorithm, ...more, '-nodes', '-keyout', '/dev/null', '-subj', '/CN=x', '-addext', 'basicConstraints=critical,CA:FALSE', '-outform', 'DER'], { stdio: ['ignore', 'pipe', 'ignore'] });
}
