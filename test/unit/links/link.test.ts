import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import type { ByteSession } from '../../../src/xpmn/links/dialer.ts';
import { Link } from '../../../src/xpmn/links/link.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { IncomingStream, MediaSink } from '../../../src/xpmn/ports/peer-link.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A session of bytes that takes every claim, or refuses them with `refusal`. */
function session(refusal?: XpmnError): ByteSession & { claims: string[] } {
  const claims: string[] = [];
  const stream: IncomingStream = { consumed() {}, cancel() {} };
  return {
    claims, closed: new AbortController().signal, canSend: true, isIdle: false,
    send: () => Promise.resolve(), sendBytes: () => Promise.resolve(), abortedByPeer: () => false,
    close: () => Promise.resolve(), destroy() {}, suspect() {},
    receive(id) {
      if (refusal) throw refusal;
      claims.push(id);
      return stream;
    },
  };
}

describe('a link', () => {
  it('takes a session on which an awaited stream was given up already, and fails that stream alone', () => {
    const link = new Link(parseJid('romeo@home.test/nas-abcd'), {
      clock: new FakeClock(), dialers: [], tasks: new TaskGroup(() => undefined), log: silentLogger, onChannel() {}, onIdle() {},
    }, { headStart: 1000 });
    link.addBytes({ application: session(), path: 'direct' });
    const failures: string[] = [];
    const sink: MediaSink = { write() {}, end() {}, fail: ({ code }) => void failures.push(code) };
    link.openByteStreams?.receive('film', sink, {});
    link.addBytes({ application: session(new XpmnError('not-found', 'That stream is not there any more.')), path: 'direct' });
    assert.deepEqual(failures, ['not-found']);
    const third = session();
    link.addBytes({ application: third, path: 'direct' });
    assert.deepEqual(third.claims, [], 'nobody waits any more');
  });
});
