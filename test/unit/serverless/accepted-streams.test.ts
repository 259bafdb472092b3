import assert from 'node:assert/strict';
import { once } from 'node:events';
import { AcceptedStreams } from '../../../src/xpmn/serverless/accepted-streams.ts';
import { securedPair } from '../../support/secured-pair.ts';

describe('accepted streams', () => {
  it('end when their peer is picked, with the reason, and are forgotten when they end', async () => {
    const streams = new AcceptedStreams();
    const [one, other] = [securedPair(), securedPair()];
    streams.add(one.initiator);
    streams.add(other.responder);
    const failed = once(one.initiator.stream, 'error');
    streams.end((peer) => peer === one.initiator.peer);
    assert.equal(((await failed)[0] as { code: string }).code, 'not-trusted');
    assert.ok(one.initiator.stream.destroyed && !other.responder.stream.destroyed);
    other.responder.stream.destroy();
    await once(other.responder.stream, 'close');
    assert.equal(streams.size, 0);
    streams.add(one.initiator);
    assert.equal(streams.size, 0, 'one that is closed already is none');
  });

  it('end with the device, those that come later too', () => {
    const streams = new AcceptedStreams();
    const [one, late] = [securedPair(), securedPair()];
    streams.add(one.initiator);
    streams.close();
    assert.ok(one.initiator.stream.destroyed);
    assert.throws(() => streams.add(late.initiator), { code: 'not-running' });
    assert.ok(late.initiator.stream.destroyed);
  });
});
