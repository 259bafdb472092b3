import assert from 'node:assert/strict';
import { channelMethodFor } from '../../../src/xpmn/device/channel-method.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { brandSecured } from '../../../src/xpmn/ports/security.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { gatewaySettings } from '../../../src/app/gateway-settings.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { securedPair } from '../../support/secured-pair.ts';
import { settings } from '../../support/settings.ts';

const { signal } = new AbortController();

describe('the XML streams of a device', () => {
  for (const [path, address] of [['direct', '192.0.2.1'], ['through the server', undefined]] as const) {
    it(`${path}, are asked whether they live`, async () => {
      const { device } = gatewaySettings(settings);
      const { pingAfterRequest = 0, deadAfter } = device.endToEnd;
      const clock = new FakeClock();
      const method = channelMethodFor({ clock, random: systemRandom, log: silentLogger, router: new IqRouter({ log: silentLogger }, device.iq), onMessage: () => undefined }, device);
      const { initiator, responder } = securedPair();
      Object.assign(initiator.stream, { remoteAddress: address });
      const stream = await method.open(brandSecured({ ...initiator, method: 'x509' }), method.describe(), { signal });
      responder.stream.write("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
      const said = (): string => String((responder.stream.read() as Buffer | null) ?? '');
      const asking = assert.rejects(stream.channel.request({ type: 'get', payload: xml('q', 'test') }, { signal, timeout: 1e9 }));
      await settle();
      said();
      await clock.advance(pingAfterRequest);
      assert.equal(said().includes('<ping'), path === 'direct');
      await clock.advance(deadAfter);
      assert.equal(stream.closed.aborted, path === 'direct');
      await clock.advance(device.pingAfterInBand - pingAfterRequest - deadAfter);
      assert.ok(path === 'direct' || said().includes('<ping'));
      stream.destroy(new XpmnError('aborted', 'Test.'));
      await asking;
    });
  }
});
