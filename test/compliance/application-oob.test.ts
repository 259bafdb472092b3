import assert from 'node:assert/strict';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { createOutOfBand } from '../../src/xpmn/jingle/applications/oob.ts';
import { SendPool } from '../../src/xpmn/jingle/applications/oob-pool.ts';
import type { OobSession } from '../../src/xpmn/jingle/applications/oob-session.ts';
import { WindowBudget } from '../../src/xpmn/jingle/applications/oob-window.ts';
import type { ApplicationMethod } from '../../src/xpmn/ports/application.ts';
import { settings } from '../support/settings.ts';
import { CountingSink, frame, never } from '../unit/jingle/applications/oob-rig.ts';
import { describeApplication } from './application.suite.ts';

const options = settings.outOfBand;

function method(): ApplicationMethod<OobSession> {
  return createOutOfBand({ clock: systemClock, pool: new SendPool(options), budget: new WindowBudget(options.windowBudget), givenUp: () => undefined }, options);
}

async function transfer(from: OobSession, to: OobSession, id: string, content: Buffer): Promise<void> {
  const sink = new CountingSink().attach(to, id, content.length);
  await from.sendBytes(id, content, { signal: never });
  await sink.done.promise;
  assert.equal(sink.bytes, content.length);
}

const ready = Buffer.from('0 ready\r\n\r\n');

describeApplication('oob', () => ({
  initiator: method(),
  responder: method(),
  async exchange(initiator, responder) {
    await Promise.all([
      transfer(initiator, responder, 'there', Buffer.alloc(3000, 1)),
      transfer(responder, initiator, 'back', Buffer.alloc(1, 2)),
      transfer(initiator, responder, 'empty', Buffer.alloc(0)),
    ]);
  },
  async flood(sender, receiver, signal, taken) {
    new CountingSink().attach(receiver, 'flood');
    const endless = async function* (): AsyncGenerator<Buffer> {
      const block = Buffer.alloc(10_000);
      for (;;) {
        yield block;
        taken(block.length);
      }
    };
    await sender.sendBytes('flood', endless(), { signal });
  },
  // What lies in the streams of the wire, the credit of one stream, and the buffers it is lent.
  slowReaderBound: 6 * settings.inProcess.highWaterMark + options.window + 3 * options.firstChunk,
  hostile: {
    'bytes that are no frames': Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 97) % 256)),
    'a TLS record': Buffer.from('160301020001000001fc0303', 'hex'),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'a chunk above the limit': Buffer.from('80001 a\r\n'),
    'an endless header': Buffer.from('1'.padEnd(100, ' ')),
    'ready twice': Buffer.concat([ready, ready]),
    'a stream called ready': Buffer.concat([ready, frame('ready', 'x')]),
    'a stream called credit that ends': Buffer.concat([ready, Buffer.from('0 credit\r\n\r\n')]),
    'credit that is no line': Buffer.concat([ready, frame('credit', 'x')]),
    'data beyond the credit': Buffer.concat([ready, Buffer.from(`${(options.window + 1).toString(16)} a\r\n`)]),
  },
}));
