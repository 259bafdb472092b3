import assert from 'node:assert/strict';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { ServerlessEndpoints } from '../../../src/xpmn/serverless/endpoints.ts';
import { LinkDevice } from '../../support/serverless-rig.ts';
import type { LinkParty } from '../../support/serverless-rig.ts';

const device = (jid: string): LinkDevice => new LinkDevice({ jid: parseJid(jid), fingerprint: '' } as LinkParty, []);

describe('devices on the local link', () => {
  it('are found by their full JID; the gateway also by the account, and by nothing', () => {
    const endpoints = new ServerlessEndpoints();
    assert.equal(endpoints.find(undefined), undefined);
    const [nas, gateway, again] = [device('romeo@home.test/nas'), device('romeo@home.test/gateway'), device('romeo@home.test/nas')];
    endpoints.add(nas, { isGateway: false });
    assert.equal(endpoints.find(undefined), undefined);
    endpoints.add(gateway, { isGateway: true });
    for (const [to, found] of [[undefined, gateway], ['romeo@home.test', gateway], [gateway.local, gateway], [nas.local, nas], ['romeo@home.test/other', undefined], ['juliet@home.test', undefined], ['home.test', undefined]] as const) {
      assert.equal(endpoints.find(to === undefined ? undefined : parseJid(to)), found, to);
    }
    endpoints.add(again, { isGateway: false });
    endpoints.remove(nas);
    assert.equal(endpoints.find(nas.local), again, 'what took its place stays');
    endpoints.remove(again);
    endpoints.remove(gateway);
    for (const to of [undefined, nas.local, gateway.local, parseJid('romeo@home.test')]) assert.equal(endpoints.find(to), undefined);
  });
});
