import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { CleartextStream } from '../../../src/xpmn/serverless/cleartext-stream.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { linkOptions } from '../../support/serverless-rig.ts';
import { duplexWire } from '../../support/wire.ts';

const never = new AbortController().signal;
const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

describe('XML in the clear', () => {
  it('is read element by element; the rest is given away as it came, wherever it is', async () => {
    const [own, theirs] = duplexWire();
    const cleartext = new CleartextStream(own, { clock: new FakeClock() }, linkOptions);
    theirs.write(`${HEADER}<a b='>'><c/></a><d/>\0rest`);
    assert.equal((await cleartext.next(never))?.name, 'stream');
    assert.deepEqual(await cleartext.next(never), xml('a', 'jabber:client', { b: '>' }, xml('c', 'jabber:client')));
    assert.equal((await cleartext.next(never))?.name, 'd');
    theirs.write(' and more');
    assert.equal(cleartext.takeRest().toString(), '\0rest and more');
    assert.equal(cleartext.takeRest().length, 0);
    for (const event of ['data', 'readable', 'end']) assert.equal(own.listenerCount(event), 0, event);
  });

  it('says its last words once', async () => {
    const [own, theirs] = duplexWire();
    const cleartext = new CleartextStream(own, { clock: new FakeClock() }, linkOptions);
    let heard = '';
    theirs.on('data', (bytes: Buffer) => (heard += bytes.toString()));
    cleartext.end();
    cleartext.end(new XpmnError('malformed', 'Too late.'));
    await settle();
    assert.match(heard, /^<\?xml [^>]*><stream:stream [^>]*><\/stream:stream>$/);
    assert.ok(own.destroyed);
  });
});
