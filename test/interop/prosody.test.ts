import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createHash } from 'node:crypto';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { XmppProbe } from '../peers/xmpp-probe.ts';

describe('prosody as a peer', function () {
  this.timeout(60_000);
  let server: Prosody;
  let romeo: XmppProbe;

  before(async () => {
    server = await startProsody({ users: { romeo: 'secret', juliet: 'wherefore' }, trace: true, proxy65: true });
    romeo = await XmppProbe.login(server, 'romeo', 'secret');
  });

  after(async () => {
    await romeo?.close();
    await server?.stop();
  });

  it('answers, and offers one SCRAM mechanism', async () => {
    const answer = await romeo.ask("<iq id='p' type='get' to='home.test'><ping xmlns='urn:xmpp:ping'/></iq>", /<iq [^>]*id='p'[^>]*>/);
    assert.match(answer, /type='result'/);
    const offered = [...(await server.handled()).matchAll(/<mechanism>([^<]*)/g)].map((match) => match[1]);
    assert.deepEqual([...new Set(offered)], ['SCRAM-SHA-1']);
  });

  it('refuses a wrong password and an authority that is not its own', async () => {
    await assert.rejects(XmppProbe.login(server, 'romeo', 'wrong'), /login refused/);
    const other = await startProsody({ users: {} });
    try {
      await assert.rejects(XmppProbe.login({ ...pick(server), ca: other.ca }, 'romeo', 'secret'), /certificate/);
    } finally {
      await other.stop();
    }
  });

  it('takes users who come later', async () => {
    await server.addUser('mercutio', 'a plague');
    await (await XmppProbe.login(server, 'mercutio', 'a plague')).close();
  });

  it('shows every stanza that it handled, in and out, decrypted', async () => {
    const juliet = await XmppProbe.login(server, 'juliet', 'wherefore');
    const seen = juliet.ask(' ', /soft what light/);
    await romeo.ask(`<message to='${juliet.jid}'><body>soft what light</body></message>`, /^/);
    await seen;
    await juliet.close();
    const handled = await server.handled();
    assert.ok(handled.split('soft what light').length >= 5, 'twice as stanza, twice as bytes');
    assert.ok(!handled.includes('through yonder window'));
  });

  it('shows the bytes that the proxy relays', async () => {
    const juliet = await XmppProbe.login(server, 'juliet', 'wherefore');
    const target = await socks(server, 'sid', romeo.jid, juliet.jid);
    const initiator = await socks(server, 'sid', romeo.jid, juliet.jid);
    const query = `<query xmlns='http://jabber.org/protocol/bytestreams' sid='sid'><activate>${juliet.jid}</activate></query>`;
    await romeo.ask(`<iq id='a' type='set' to='${server.proxy?.jid ?? ''}'>${query}</iq>`, /<iq [^>]*type='result'/);
    for (const [from, to, text] of [[initiator, target, 'out of band'], [target, initiator, 'and back']] as const) {
      const arrived = once(to, 'data');
      from.write(text);
      assert.equal(String((await arrived)[0]), text);
    }
    initiator.destroy();
    target.destroy();
    await juliet.close();
    const handled = await server.handled();
    assert.ok(handled.includes('out of band') && handled.includes('and back'));
  });

  it('comes back on the same port after a crash', async () => {
    await server.restart({ crash: true });
    await (await XmppProbe.login(server, 'romeo', 'secret')).close();
  });
});

const pick = ({ domain, host, port, ca }: Prosody) => ({ domain, host, port, ca });

/** RFC 1928 as XEP-0065 §5.3.2 uses it. */
async function socks(server: Prosody, sid: string, from: string, to: string): Promise<Socket> {
  const socket = connect(server.proxy?.port ?? 0, server.proxy?.host);
  await once(socket, 'connect');
  socket.write(Buffer.from([5, 1, 0]));
  await once(socket, 'data');
  const name = createHash('sha1').update(sid + from + to).digest('hex');
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), Buffer.from(name), Buffer.from([0, 0])]));
  await once(socket, 'data');
  return socket;
}
