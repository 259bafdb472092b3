import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { FINGERPRINT, NotedSecurity, Play, THEIRS, lines } from '../../support/serverless-play.ts';
import { settings } from '../../support/settings.ts';

const { linkLocal } = settings;
const OFFERED = lines.header(`from='${THEIRS}' id='s1' version='1.0'`) + lines.features();
const AGREED = OFFERED + lines.proceed('x509');

/** Our initiator, facing whoever answers at an address. */
describe('a serverless stream, whoever answers', () => {
  it('comes to TLS: header, the command with what both can do, one method', async () => {
    const play = await new Play('initiator').say(OFFERED);
    assert.match(play.heard, /^<\?xml version='1.0'\?><stream:stream [^>]*from='romeo@home.test\/ours' to='romeo@home.test\/theirs' version='1.0'/);
    assert.match(play.heard, new RegExp(`<starttls [^>]*><security [^>]*><fingerprint algo='sha1'>${FINGERPRINT.ours}</fingerprint><method name='x509'/></security></starttls>$`));
    await play.say(lines.proceed('x509'));
    assert.equal((await play.end()).code, 'secured');
    const [context] = play.security.contexts;
    assert.deepEqual([context?.peer, context?.announcedFingerprint, context?.methods], [THEIRS, FINGERPRINT.theirs, { initiator: ['x509'], responder: ['x509'] }]);
  });

  it('comes to TLS though every byte arrives alone, or all at once', async () => {
    for (const how of ['say', 'spell'] as const) assert.equal((await (await new Play('initiator')[how](AGREED)).end()).code, 'secured');
  });

  it('names only what the peer offers, in its own order, and takes the peer\'s decision', async () => {
    const pairing = new NotedSecurity('srp-cb');
    const play = await new Play('initiator', { methods: [pairing, new NotedSecurity('other')] }).say(
      lines.header(), lines.features(lines.starttls(lines.security(['srp-cb', 'unknown', 'x509']))), lines.proceed('srp-cb'),
    );
    assert.match(play.heard, /<method name='x509'\/><method name='srp-cb'\/><\/security><\/starttls>$/);
    assert.equal((await play.end()).code, 'secured');
    assert.deepEqual(pairing.contexts[0]?.methods, { initiator: ['x509', 'srp-cb'], responder: ['srp-cb', 'unknown', 'x509'] });
  });

  it('takes a proceed that says nothing, and the older form, for what they mean', async () => {
    const old = `<offer xmlns='urn:xmpp:tmp:c2ctls'><keyinfo xmlns='urn:xmpp:tmp:pubkey'><name>${FINGERPRINT.theirs}</name></keyinfo></offer>`;
    for (const features of [lines.features(), lines.features(lines.starttls(old))]) {
      const play = await new Play('initiator').say(lines.header(), features, lines.plainProceed);
      assert.equal((await play.end()).code, 'secured');
    }
  });

  const DOWNGRADES: Readonly<Record<string, string>> = {
    'no encryption': lines.features(''),
    'encryption and nothing of methods or certificates': lines.features(lines.starttls('')),
    'only methods that are not ours': lines.features(lines.starttls(lines.security(['srp']))),
    'no method': lines.features(lines.starttls(lines.security([]))),
    'a method but no certificate': lines.features(lines.starttls(lines.security(['x509'], ''))),
    'an insecure one, in the older form': lines.features(lines.starttls("<offer xmlns='urn:xmpp:tmp:c2ctls'><insecure/></offer>")),
  };
  for (const [name, features] of Object.entries(DOWNGRADES)) {
    it(`ends when the peer offers ${name}`, async () => {
      const play = await new Play('initiator').say(lines.header(), features);
      assert.doesNotMatch(play.heard, /<starttls/);
      assert.match(play.heard, /<\/stream:stream>$/);
      assert.equal((await play.end()).code, 'security-failed');
      assert.equal(play.security.contexts.length, 0);
    });
  }

  const DECISIONS: Readonly<Record<string, string>> = {
    'a method that was not offered': lines.proceed('srp-cb'),
    'one of ours that it has not offered itself': lines.proceed('mine'),
    'no method': lines.proceed(),
    'two methods': lines.proceed('x509', 'srp-cb'),
    'something old that was not offered': "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'><offer xmlns='urn:xmpp:tmp:c2ctls'><srp/></offer></proceed>",
    'nothing: it refuses': lines.failure,
  };
  for (const [name, text] of Object.entries(DECISIONS)) {
    it(`ends when the peer decides for ${name}`, async () => {
      const play = await new Play('initiator', { methods: [new NotedSecurity('mine')] }).say(OFFERED, text);
      assert.equal((await play.end()).code, 'security-failed');
      assert.equal(play.security.contexts.length, 0);
    });
  }

  it('takes a proceed that says nothing for x509 only', async () => {
    const pairing = new NotedSecurity('srp-cb');
    const play = new Play('initiator', { methods: [pairing], change: (device) => (device.securities = [pairing]) });
    await play.say(lines.header(), lines.features(lines.starttls(lines.security(['srp-cb', 'x509']))), lines.plainProceed);
    assert.equal((await play.end()).code, 'security-failed');
    assert.equal(pairing.contexts.length, 0);
  });

  const INJECTED: Readonly<Record<string, string>> = {
    'a stanza': "<iq type='set' id='x'><evil xmlns='urn:x'/></iq>", 'a stream': lines.header(), 'white space': ' ', 'half an element': '<', 'a TLS record': '\x16\x03\x03\x00\x7a', 'one byte': '\0',
  };
  for (const [name, text] of Object.entries(INJECTED)) {
    it(`ends when ${name} comes with the proceed`, async () => {
      const play = await new Play('initiator').say(AGREED + text);
      assert.equal((await play.end()).code, 'security-failed');
      assert.equal(play.security.contexts.length, 0);
      assert.match(play.heard, /<\/starttls>$/, 'nothing more is said in the clear');
    });
  }

  const ENDS: Readonly<Record<string, readonly [text: string, code: string]>> = {
    'nobody of that name': [lines.header() + lines.error('host-unknown'), 'peer-unavailable'],
    'another error': [lines.header() + lines.error('policy-violation'), 'connection-lost'],
    'the footer': [lines.header() + lines.footer, 'connection-lost'],
    'the footer after its features': [OFFERED + lines.footer, 'connection-lost'],
    'another name than was called': [lines.header("from='romeo@home.test/somebody' version='1.0'"), 'peer-unavailable'],
    'a proceed to nothing': [lines.header() + lines.proceed('x509'), 'out-of-order'],
    'a command': [OFFERED + lines.starttls(), 'out-of-order'],
    'its features again': [OFFERED + lines.features(), 'out-of-order'],
    'a message': [`${OFFERED}<message><body>hello</body></message>`, 'security-required'],
    'our own words': [lines.header() + lines.starttls(), 'out-of-order'],
    'huge features': [`${lines.header()}<stream:features><x xmlns='${'x'.repeat(linkLocal.xml.bytes + 4096)}`, 'too-large'],
    'no XML': ['SSH-2.0-OpenSSH_9.2\r\n>', 'malformed'],
  };
  for (const [name, [text, code]] of Object.entries(ENDS)) {
    it(`ends when the peer says ${name}`, async () => {
      for (const how of ['say', 'spell'] as const) {
        const play = await new Play('initiator')[how](text);
        assert.equal((await play.end()).code, code);
        assert.equal(play.security.contexts.length, 0);
        assert.match(play.heard, /<\/stream:stream>$/);
      }
    });
  }

  it('does not mind what a peer of another kind calls itself', async () => {
    for (const attrs of ["version='1.0'", "from='romeo@machine' version='1.0'", "from='@@'"]) {
      const play = await new Play('initiator').say(lines.header(attrs), lines.features(), lines.proceed('x509'));
      assert.equal((await play.end()).code, 'secured');
    }
  });

  it('tells the peer what it is, if it asks', async () => {
    const info = xml('query', 'http://jabber.org/protocol/disco#info');
    const play = await new Play('initiator', { change: (device) => (device.describe = () => info) }).say(lines.header(), lines.query(), lines.features(), lines.query('q2'), lines.proceed('x509'));
    assert.match(play.heard, /<iq type='result' id='q1'><query [^>]*\/><\/iq>.*<iq type='result' id='q2'>/);
    assert.equal((await play.end()).code, 'secured');
  });

  it('has so much time until TLS, wherever the peer stops', async () => {
    for (let said = 0; said < AGREED.length; said += 7) {
      const play = await new Play('initiator').say(AGREED.slice(0, said));
      await play.clock.advance(linkLocal.negotiationTimeout);
      assert.equal((await play.end()).code, 'timeout');
    }
  });

  it('is over when the peer hangs up, after any byte and either way, and nothing is left', async () => {
    for (const how of ['end', 'destroy'] as const) {
      for (let said = 0; said < AGREED.length; said += 1) {
        const play = await new Play('initiator').say(AGREED.slice(0, said));
        await play.hangUp(how);
        assert.equal((await play.end()).code, 'connection-lost', `${how} after ${said}`);
        assert.equal(play.security.contexts.length, 0);
      }
    }
  }).timeout(30_000);

  it('is given up at once when nobody wants it any more, before it has begun and at any time', async () => {
    for (const said of [undefined, '', lines.header(), OFFERED]) {
      const controller = new AbortController();
      if (said === undefined) controller.abort(new XpmnError('aborted', 'Enough.'));
      const play = new Play('initiator', { signal: controller.signal });
      await play.say(said ?? '');
      controller.abort(new XpmnError('aborted', 'Enough.'));
      assert.equal((await play.end()).code, 'aborted');
    }
  });
});
