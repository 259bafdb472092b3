import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { FINGERPRINT, Play, THEIRS, lines } from '../../support/serverless-play.ts';
import { settings } from '../../support/settings.ts';

const { linkLocal } = settings;
const HELLO = Buffer.from('16030100dc010000d8', 'hex');
const AGREED = lines.header() + lines.starttls();

/** Our responder, facing whoever connects. */
describe('a serverless stream, whoever opens it', () => {
  it('comes to TLS: header, features, one method', async () => {
    const play = new Play('responder');
    await play.say(lines.header());
    assert.match(play.heard, /^<\?xml version='1.0'\?><stream:stream [^>]*from='romeo@home.test\/ours' to='romeo@home.test\/theirs' id='[a-z2-7]{26}' version='1.0'/);
    assert.match(play.heard, new RegExp(`<starttls [^>]*><required/><security [^>]*><fingerprint algo='sha1'>${FINGERPRINT.ours}</fingerprint><method name='x509'/></security></starttls>`));
    await play.say(lines.starttls());
    assert.match(play.heard, /<proceed [^>]*><security [^>]*><method name='x509'\/><\/security><\/proceed>$/);
    assert.equal((await play.end()).code, 'secured');
    const [context] = play.security.contexts;
    assert.deepEqual([context?.peer, context?.announcedFingerprint, context?.methods], [THEIRS, FINGERPRINT.theirs, { initiator: ['x509'], responder: ['x509'] }]);
  });

  it('comes to TLS though every byte arrives alone', async () => {
    const play = await new Play('responder').spell(AGREED);
    assert.equal((await play.end()).code, 'secured');
  });

  it('reads the older offers', async () => {
    const offer = `<offer xmlns='urn:xmpp:tmp:c2ctls'><keyinfo xmlns='urn:xmpp:tmp:pubkey'><name>${FINGERPRINT.theirs}</name></keyinfo></offer>`;
    const play = await new Play('responder').say(lines.header(), lines.starttls(offer));
    assert.equal((await play.end()).code, 'secured');
    assert.equal(play.security.contexts[0]?.announcedFingerprint, FINGERPRINT.theirs);
  });

  it('gives TLS the bytes that came with the last words before it, all of them, and those that come later', async () => {
    const bytes = Buffer.concat([Buffer.from(AGREED), HELLO]);
    for (let cut = AGREED.length - 3; cut <= bytes.length; cut += 1) {
      const play = await (await new Play('responder').say(bytes.subarray(0, cut))).say(bytes.subarray(cut));
      assert.equal((await play.end()).code, 'secured');
      assert.equal(play.security.received, HELLO.toString('latin1'), `cut at ${cut}`);
    }
  });

  it('is answered by the gateway device where the header names nobody', async () => {
    const play = await new Play('responder').say(lines.header(`from='${THEIRS}' version='1.0'`), lines.starttls());
    assert.equal((await play.end()).code, 'secured');
  });

  const WRONG_HEADERS: Readonly<Record<string, string>> = {
    'another device': `from='${THEIRS}' to='romeo@home.test/other'`,
    'another account': `from='${THEIRS}' to='juliet@home.test'`,
    'no JID at all': `from='${THEIRS}' to='@'`,
  };
  for (const [name, attrs] of Object.entries(WRONG_HEADERS)) {
    it(`is told that nobody is here when it asks for ${name}, in a stream of its own`, async () => {
      const play = await new Play('responder').say(lines.header(attrs));
      assert.match(play.heard, /^<\?xml version='1.0'\?><stream:stream [^>]*><stream:error><host-unknown [^>]*\/><\/stream:error><\/stream:stream>$/);
      assert.equal((await play.end()).code, 'peer-unavailable');
    });
  }

  for (const [name, from] of Object.entries({ 'says no name': '', 'says a bare JID': "from='romeo@home.test'", 'says no JID': "from='@@'" })) {
    it(`offers no encryption to whoever ${name}, and refuses it`, async () => {
      const play = await new Play('responder').say(lines.header(`${from} version='1.0'`));
      assert.doesNotMatch(play.heard, /starttls/);
      await play.say(lines.starttls());
      assert.match(play.heard, /<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'\/><\/stream:stream>$/);
      assert.equal((await play.end()).code, 'security-failed');
      assert.equal(play.security.contexts.length, 0);
    });
  }

  const WITHOUT: Readonly<Record<string, string>> = {
    'plain STARTTLS, without a fingerprint': lines.starttls(''),
    'methods that were not offered': lines.starttls(lines.security(['srp', 'x5090'])),
    'no method': lines.starttls(lines.security([])),
    'a hash that can\'t be compared': lines.starttls(lines.security(['x509'], `<fingerprint algo='sha256'>${'c'.repeat(64)}</fingerprint>`)),
  };
  for (const [name, text] of Object.entries(WITHOUT)) {
    it(`refuses ${name}`, async () => {
      const play = await new Play('responder').say(lines.header(), text);
      assert.match(play.heard, /<failure [^>]*\/><\/stream:stream>$/);
      assert.equal((await play.end()).code, 'security-failed');
      assert.equal(play.security.contexts.length, 0);
    });
  }

  const INJECTED: Readonly<Record<string, string>> = {
    'a stanza': "<iq type='set' id='x'><evil xmlns='urn:x'/></iq>", 'a new stream': lines.header(), 'white space': '\n', 'half an element': '<', 'a NUL': '\0', 'another TLS record than a handshake': '\x17\x03\x03',
  };
  for (const [name, text] of Object.entries(INJECTED)) {
    it(`ends when ${name} comes with the command, and never proceeds`, async () => {
      const play = await new Play('responder').say(AGREED + text);
      assert.doesNotMatch(play.heard, /proceed/);
      assert.equal((await play.end()).code, 'security-failed');
      assert.equal(play.security.contexts.length, 0);
    });
  }

  const NONSENSE: Readonly<Record<string, readonly [text: string, code: string, condition: string]>> = {
    'bytes that are no XML': ['\x16\x03\x01\x02\x00', 'malformed', 'not-well-formed'],
    'an HTTP request': ['GET / HTTP/1.1\r\nHost: x\r\n\r\n>', 'malformed', 'not-well-formed'],
    'another root': ["<stream xmlns='jabber:client'>", 'protocol-violation', 'unsupported-stanza-type'],
    'a document type': ['<!DOCTYPE a [<!ENTITY b "bb">]>', 'xml-restricted', 'restricted-xml'],
    'a comment': [`${lines.header()}<!-- -->`, 'xml-restricted', 'restricted-xml'],
    'a processing instruction': [`${lines.header()}<?x y?>`, 'xml-restricted', 'restricted-xml'],
    'text': [`${lines.header()}hello<a/>`, 'malformed', 'not-well-formed'],
    'features': [`${lines.header()}${lines.features()}`, 'out-of-order', 'policy-violation'],
    'a proceed': [`${lines.header()}${lines.proceed('x509')}`, 'out-of-order', 'policy-violation'],
    'a failure': [`${lines.header()}${lines.failure}`, 'out-of-order', 'policy-violation'],
    'an unknown element': [`${lines.header()}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`, 'protocol-violation', 'unsupported-stanza-type'],
    'a fingerprint that is none': [`${lines.header()}${lines.starttls(lines.security(['x509'], '<fingerprint algo=\'sha1\'>12</fingerprint>'))}`, 'malformed', 'not-well-formed'],
    'a huge header': [lines.header(`from='${'x'.repeat(linkLocal.xml.bytes)}'`), 'too-large', 'policy-violation'],
    'a huge element': [`${lines.header()}<a>${'x'.repeat(linkLocal.xml.bytes + 4096)}`, 'too-large', 'policy-violation'],
    'a deep element': [lines.header() + '<a>'.repeat(linkLocal.xml.depth), 'too-large', 'policy-violation'],
    'many attributes': [`${lines.header()}<a ${Array.from({ length: linkLocal.xml.nodes }, (_, i) => `b${i}=''`).join(' ')}/>`, 'too-large', 'policy-violation'],
    'white space without end': [lines.header() + ' '.repeat(linkLocal.bytes), 'too-large', 'policy-violation'],
  };
  for (const [name, [text, code, condition]] of Object.entries(NONSENSE)) {
    it(`ends when it says ${name}, whole or byte by byte`, async () => {
      for (const how of ['say', 'spell'] as const) {
        const play = await new Play('responder')[how](text);
        assert.match(play.heard, new RegExp(`<stream:error><${condition} [^>]*/></stream:error></stream:stream>$`));
        assert.equal((await play.end()).code, code);
      }
    });
  }

  const STANZAS: Readonly<Record<string, string>> = {
    'a request': "<iq type='get' id='s1'><query xmlns='jabber:iq:roster'/></iq>",
    'a command': "<iq type='set' id='s1'><jingle xmlns='urn:xmpp:jingle:1'/></iq>",
    'a discovery query with company': "<iq type='get' id='s1'><query xmlns='http://jabber.org/protocol/disco#info'/><x xmlns='urn:x'/></iq>",
    'a message': "<message id='s1'><body>hello</body></message>",
    'a presence': "<presence id='s1'/>",
  };
  for (const [name, text] of Object.entries(STANZAS)) {
    it(`is refused to its face, and ended, when it sends ${name}`, async () => {
      const play = await new Play('responder').say(lines.header(), text);
      const refusal = /<(iq|message|presence) type='error' id='s1'><error type='cancel'><not-acceptable [^>]*\/><text [^>]*>[^<]*<\/text><security-required xmlns='urn:xmpp:jingle:errors:1'\/><\/error><\/\1>/;
      assert.match(play.heard, new RegExp(`${refusal.source}<stream:error><not-authorized [^>]*/></stream:error></stream:stream>$`));
      assert.equal((await play.end()).code, 'security-required');
    });
  }

  it('gets no answer to an answer, nor to an error', async () => {
    for (const text of ["<iq type='result' id='s1'/>", "<iq type='error' id='s1'/>", "<message type='error'/>"]) {
      const play = await new Play('responder').say(lines.header(), text);
      assert.match(play.heard, /<\/features><stream:error><not-authorized /);
      assert.equal((await play.end()).code, 'security-required');
    }
  });

  describe('and asks what is here', () => {
    const query = (node: string | undefined): ReturnType<typeof xml> => xml('query', 'http://jabber.org/protocol/disco#info', { node }, xml('feature', 'http://jabber.org/protocol/disco#info', { var: 'urn:x' }));
    const described = (): Play => new Play('responder', {
      change: (device) => {
        device.describe = (node) => {
          if (node === 'nowhere') throw new XpmnError('not-found', 'There is no such node here.');
          return query(node);
        };
      },
    });

    it('is told in the features, and as often as it may ask', async () => {
      const play = await described().say(lines.header());
      assert.match(play.heard, /<\/starttls><query [^>]*><feature var='urn:x'\/><\/query><\/features>$/);
      for (let i = 1; i <= linkLocal.queries; i += 1) {
        await play.say(lines.query(`q${i}`, 'here'));
        assert.match(play.heard, new RegExp(`<iq type='result' id='q${i}'><query [^>]*node='here'><feature var='urn:x'/></query></iq>$`));
      }
      await play.say(lines.query('more'));
      assert.match(play.heard, /<policy-violation [^>]*\/><\/stream:error><\/stream:stream>$/);
      assert.equal((await play.end()).code, 'resource-limit');
    });

    it('may ask without a name of its own, and leave', async () => {
      const play = await described().say(lines.header("version='1.0'"), lines.footer);
      assert.match(play.heard, /<features [^>]*><query [^>]*>.*<\/features><\/stream:stream>$/);
      assert.equal((await play.end()).code, 'connection-lost');
    });

    it('may go on to TLS', async () => {
      const play = await described().say(lines.header(), lines.query(), lines.starttls());
      assert.equal((await play.end()).code, 'secured');
    });

    it('hears of nodes that are not here, and of devices that say nothing', async () => {
      const play = await described().say(lines.header(), lines.query('q1', 'nowhere'));
      assert.match(play.heard, /<iq type='error' id='q1'><error [^>]*><item-not-found /);
      await play.hangUp('end');
      await play.end();
      const silent = await new Play('responder').say(lines.header(), lines.query());
      assert.match(silent.heard, /<iq type='error' id='q1'><error [^>]*><service-unavailable /);
      await silent.hangUp('end');
      await silent.end();
    });
  });

  it('has so much time until TLS, wherever it stops', async () => {
    for (let said = 0; said < AGREED.length; said += 7) {
      const play = await new Play('responder').say(AGREED.slice(0, said));
      await play.clock.advance(linkLocal.negotiationTimeout);
      assert.match(play.heard, /<stream:error><connection-timeout [^>]*\/><\/stream:error><\/stream:stream>$/);
      assert.equal((await play.end()).code, 'timeout');
    }
  });

  it('has so much time for TLS, and hears nothing in the clear meanwhile', async () => {
    const play = new Play('responder');
    play.security.stalls = true;
    await play.say(AGREED);
    const { heard } = play;
    await play.clock.advance(linkLocal.negotiationTimeout);
    assert.ok(!play.isOver);
    await play.clock.advance(linkLocal.securityTimeout);
    assert.equal((await play.end()).code, 'timeout');
    assert.equal(play.heard, heard);
  });

  it('may hang up after any byte, either way, and nothing is left', async () => {
    for (const how of ['end', 'destroy'] as const) {
      for (let said = 0; said < AGREED.length; said += 1) {
        const play = await new Play('responder').say(AGREED.slice(0, said));
        await play.hangUp(how);
        assert.equal((await play.end()).code, 'connection-lost', `${how} after ${said}`);
        assert.equal(play.security.contexts.length, 0);
      }
    }
  }).timeout(30_000);

  it('is left at once when the device stops', async () => {
    const controller = new AbortController();
    const play = await new Play('responder', { signal: controller.signal }).say(lines.header());
    controller.abort(new XpmnError('aborted', 'Stopping.'));
    assert.equal((await play.end()).code, 'aborted');
    assert.match(play.heard, /<\/features><\/stream:stream>$/);
  });

  it('does not keep the device by reading nothing', async () => {
    // Nobody takes our last words: the end comes all the same.
    const play = await new Play('responder', { isDeaf: true }).say(lines.header(`from='${THEIRS}' to='romeo@home.test/nobody'`));
    await play.clock.advance(linkLocal.closeTimeout - 1);
    assert.ok(!play.isOver);
    await play.clock.advance(1);
    assert.equal((await play.end()).code, 'peer-unavailable');
  });
});
