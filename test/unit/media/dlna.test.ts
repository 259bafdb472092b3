import assert from 'node:assert/strict';
import { asksForTime, contentFeatures, dlnaHeaders } from '../../../src/xpmn/media/dlna.ts';

const film = { type: 'video/mp4', size: 1000 };
const features = 'DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=01700000000000000000000000000000';

describe('DLNA headers', () => {
  it('say of each kind of item what can be done with it', () => {
    assert.equal(contentFeatures(film), features);
    assert.equal(contentFeatures({ type: 'image/jpeg', size: 5 }), 'DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=00d00000000000000000000000000000');
    assert.equal(contentFeatures({ type: 'audio/mpeg', size: undefined }), 'DLNA.ORG_OP=00;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=0d500000000000000000000000000000');
  });

  it('come when asked for', () => {
    assert.deepEqual(dlnaHeaders({}, film, { always: false }), {});
    assert.deepEqual(dlnaHeaders({ 'getcontentfeatures.dlna.org': '1' }, film, { always: false }), { 'contentFeatures.dlna.org': features, 'transferMode.dlna.org': 'Streaming' });
    assert.deepEqual(dlnaHeaders({ 'transfermode.dlna.org': 'Streaming' }, film, { always: false }), { 'transferMode.dlna.org': 'Streaming' });
    assert.deepEqual(dlnaHeaders({ 'getcontentfeatures.dlna.org': '0' }, film, { always: false }), {});
    assert.deepEqual(Object.keys(dlnaHeaders({}, film, { always: true })), ['contentFeatures.dlna.org', 'transferMode.dlna.org']);
  });

  const modes: readonly (readonly [string, string, string])[] = [
    ['Streaming', 'video/mp4', 'Streaming'], ['Interactive', 'image/png', 'Interactive'], ['background', 'video/mp4', 'Background'], ['Background', 'image/png', 'Background'],
    ['Streaming', 'image/png', 'Interactive'], ['Interactive', 'audio/mpeg', 'Streaming'], ['nonsense\r\n', 'audio/mpeg', 'Streaming'],
  ];
  for (const [asked, type, mode] of modes) {
    it(`tell a player that asks for ${JSON.stringify(asked)} of ${type}: ${mode}`, () => {
      assert.equal(dlnaHeaders({ 'transfermode.dlna.org': asked }, { type, size: 1 }, { always: false })['transferMode.dlna.org'], mode);
    });
  }

  it('that ask for a place by time or another speed are known, unless bytes are asked for, too', () => {
    assert.equal(asksForTime({ 'timeseekrange.dlna.org': 'npt=10-' }), true);
    assert.equal(asksForTime({ 'playspeed.dlna.org': 'speed=2' }), true);
    assert.equal(asksForTime({ 'timeseekrange.dlna.org': 'npt=10-', range: 'bytes=0-' }), false);
    assert.equal(asksForTime({ range: 'bytes=0-' }), false);
  });
});
