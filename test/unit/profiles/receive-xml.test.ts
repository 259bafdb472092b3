import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { elements } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { ByteStreams, MediaSink } from '../../../src/xpmn/ports/peer-link.ts';
import { receiveXml } from '../../../src/xpmn/profiles/receive-xml.ts';
import { FakeStreams } from '../../fakes/fake-streams.ts';
import { settings } from '../../support/settings.ts';

const limits = settings.directory.listing;
const text = '<?xml version="1.0"?>\n<list xmlns="urn:x"><item name="ä &amp; ö">€ 𝄞</item><item/></list>\n';

/** A stream whose sink the test feeds; counts what comes back. */
class OneStream {
  sink: MediaSink | undefined;
  consumed = 0;
  cancelled = 0;
  unwanted = 0;
  readonly streams: ByteStreams = {
    ...new FakeStreams().a,
    receive: (_id, sink) => {
      this.sink = sink;
      return { consumed: (count) => (this.consumed += count), cancel: () => (this.cancelled += 1) };
    },
  };

  receive(signal: AbortSignal = new AbortController().signal, more: Partial<typeof limits> = {}): Promise<XmlElement> {
    const result = receiveXml(this.streams, 'id', { limits: { ...limits, ...more }, signal, unwanted: () => (this.unwanted += 1) });
    result.catch(() => undefined);
    return result;
  }

  /** As a session does it: nothing follows a cancelled stream. */
  write(...parts: (string | Uint8Array)[]): void {
    for (const part of parts) if (this.cancelled === 0) this.sink?.write(Buffer.from(part as Uint8Array));
  }
}

describe('XML received out of band', () => {
  let stream: OneStream;
  beforeEach(() => (stream = new OneStream()));
  const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
    assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));

  it('is the same split at every byte, all of it consumed', async () => {
    const bytes = Buffer.from(text);
    let whole: XmlElement | undefined;
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const one = new OneStream();
      const receiving = one.receive();
      one.write(bytes.subarray(0, cut), bytes.subarray(cut));
      one.sink?.end();
      const got = await receiving;
      assert.deepEqual(got, (whole ??= got), `cut at ${cut}`);
      assert.deepEqual([one.consumed, one.cancelled, one.unwanted], [bytes.length, 0, 0]);
    }
    assert.deepEqual(elements(whole as XmlElement).map(({ attrs, children }) => [attrs['name'], ...children]), [['ä & ö', '€ 𝄞'], [undefined]]);
  });

  it('is the same byte by byte', async () => {
    const receiving = stream.receive();
    stream.write(...[...Buffer.from(text)].map((byte) => Buffer.from([byte])));
    stream.sink?.end();
    assert.equal((await receiving).name, 'list');
  });

  for (const [what, parts] of Object.entries({ nothing: [''], 'half a tag': ['<list><it'], 'an open root': ['<list><item/>'], 'white space': ['   '] })) {
    it(`is truncated after ${what}`, async () => {
      const receiving = stream.receive();
      stream.write(...parts);
      stream.sink?.end();
      await rejects(receiving, 'truncated');
    });
  }

  const hostile: [string, (string | Uint8Array)[], ErrorCode, Partial<typeof limits>?][] = [
    ['is too large', ['<list>', 'x'.repeat(5000), 'x'.repeat(5000), '</list>'], 'too-large', { bytes: 8192 }],
    ['is too deep', ['<a>'.repeat(100)], 'too-large', { depth: 16 }],
    ['has too many nodes', ['<a>', '<b/>'.repeat(100)], 'too-large', { nodes: 50 }],
    ['has a document type', ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'], 'xml-restricted'],
    ['is ill-formed', ['<a></b>'], 'malformed'],
    ['is no UTF-8', [Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0xfe])], 'malformed'],
    ['goes on after its end', ['<a/>', '<b/>'], 'malformed'],
    ['goes on for ever after its end', ['<a/>', ...Array.from({ length: 10 }, () => ' '.repeat(2000))], 'too-large', { bytes: 8192 }],
  ];
  for (const [what, parts, code, more] of hostile) {
    it(`is cancelled, and the sender told, when it ${what}`, async () => {
      const receiving = stream.receive(undefined, more);
      stream.write(...parts);
      await rejects(receiving, code);
      assert.deepEqual([stream.cancelled, stream.unwanted], [1, 1]);
    });
  }

  it('fails as its stream does', async () => {
    const receiving = stream.receive();
    stream.write('<a>');
    stream.sink?.fail(new XpmnError('connection-lost', 'Gone.'));
    await rejects(receiving, 'connection-lost');
    assert.equal(stream.unwanted, 0);
  });

  it('is cancelled by its signal, before and in the middle, and not after', async () => {
    const reason = new XpmnError('aborted', 'Enough.');
    await rejects(stream.receive(AbortSignal.abort(reason)), 'aborted');
    assert.deepEqual([stream.cancelled, stream.unwanted], [1, 1]);
    const second = new OneStream();
    const abort = new AbortController();
    const receiving = second.receive(abort.signal);
    second.write('<a>');
    abort.abort(reason);
    await rejects(receiving, 'aborted');
    assert.deepEqual([second.cancelled, second.unwanted], [1, 1]);
    const third = new OneStream();
    const later = new AbortController();
    const done = third.receive(later.signal);
    third.write('<a/>');
    third.sink?.end();
    await done;
    later.abort(reason);
    assert.deepEqual([third.cancelled, third.unwanted], [0, 0]);
  });

  it('says why it can\'t be claimed', async () => {
    const streams = new FakeStreams();
    streams.lose();
    await rejects(receiveXml(streams.a, 'id', { limits, signal: new AbortController().signal, unwanted: () => undefined }), 'connection-lost');
  });
});
