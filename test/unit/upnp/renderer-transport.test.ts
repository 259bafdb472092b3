import assert from 'node:assert/strict';
import type { TransportPhase } from '../../../src/mapping/transport-facts.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { Learnt } from '../../../src/upnp/learnt.ts';
import type { DeviceQuirks } from '../../../src/upnp/quirks.ts';
import { initialState } from '../../../src/upnp/renderer-state.ts';
import { RendererTransport } from '../../../src/upnp/renderer-transport.ts';
import { USUAL_MODELS } from '../../../src/upnp/scpd.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { playerMedia } from '../../support/media-players.ts';
import { settings } from '../../support/settings.ts';

const options = settings.upnp.renderer;
const signal = new AbortController().signal;
const media = playerMedia('http://192.0.2.1/1.mp3', 60);
const next = playerMedia('http://192.0.2.1/2.mp3', 60);

/** One on a device that is in `phase`, refuses each action as often as is listed, and answers questions as it is then. */
function transportOf(phase: TransportPhase, refusals: Readonly<Record<string, readonly number[]>> = {}, quirks: DeviceQuirks = {}) {
  const clock = new FakeClock();
  const told: string[] = [];
  const left = new Map(Object.entries(refusals).map(([action, numbers]) => [action, [...numbers]]));
  const tracker = { state: { ...initialState(0), phase, own: media, uri: media.url }, set: (state: ReturnType<typeof initialState>) => void (tracker.state = state as typeof tracker.state) };
  const device: { phase: TransportPhase } = { phase };
  const learnt = new Learnt();
  const transport = new RendererTransport({
    clock, tracker, learnt, quirks,
    services: {
      model: () => USUAL_MODELS.AVTransport,
      call: async (_service, action) => {
        told.push(action);
        const upnpError = left.get(action)?.shift();
        if (upnpError !== undefined) throw new XpmnError('not-acceptable', 'It refuses.', { details: { upnpError } });
        return new Map();
      },
    },
    ask: async () => {
      told.push('?');
      tracker.state = { ...tracker.state, phase: device.phase };
    },
  }, options);
  /** Time passes until it is done. */
  async function passing(work: Promise<void>): Promise<void> {
    let isUnderWay = true;
    const watched = work.finally(() => (isUnderWay = false));
    watched.catch(() => undefined);
    while (isUnderWay) await clock.advance(10);
    return watched;
  }
  const began = clock.monotonic();
  return { transport, tracker, device, told, learnt, passing, passed: () => clock.monotonic() - began };
}

const refused = (number: number) => (error: unknown): boolean => error instanceof XpmnError && error.details['upnpError'] === number;

describe('the transport of a renderer', () => {
  it('is told again what it refuses while it is on its way, and knows then', async () => {
    const { transport, told, tracker, passing } = transportOf('buffering', { Play: [701, 701] });
    await passing(transport.play(signal));
    assert.deepEqual([told, tracker.state.phase], [['Play', '?', 'Play', '?', 'Play'], 'buffering']);
    assert.notEqual(tracker.state.expectedUntil, undefined);
  });

  it('is not told again for ever, nor what it refuses for good, nor where it is on no way', async () => {
    const busy = transportOf('buffering', { Play: Array.from({ length: 1000 }, () => 701) });
    await assert.rejects(busy.passing(busy.transport.play(signal)), refused(701));
    assert.ok(busy.passed() >= options.retryFor && busy.passed() < options.retryFor + 2 * options.retryInterval);
    const strict = transportOf('buffering', { Play: [705] });
    await assert.rejects(strict.passing(strict.transport.play(signal)), refused(705));
    const idle = transportOf('stopped', { Play: [701] });
    await assert.rejects(idle.passing(idle.transport.play(signal)), refused(701));
    assert.deepEqual([strict.told, idle.told], [['Play'], ['Play', '?']]);
  });

  it('stops as it was told to, also where it says that it had stopped before', async () => {
    const { transport, device, told, tracker, passing } = transportOf('playing', { Stop: [701] });
    device.phase = 'stopped';
    await passing(transport.stop(signal));
    assert.deepEqual([told, tracker.state.isStopped], [['Stop', '?'], true]);
  });

  it('does not count as stopped where it plays on', async () => {
    const { transport, tracker, passing } = transportOf('playing', { Stop: [701] });
    await assert.rejects(passing(transport.stop(signal)), refused(701));
    assert.equal(tracker.state.isStopped, false);
  });

  it('is given something else once it has stopped, or has taken too long, and does not go on with what was to follow', async () => {
    const { transport, told, tracker, passed, passing } = transportOf('playing', { SetNextAVTransportURI: [501] });
    tracker.state = { ...tracker.state, following: next };
    await passing(transport.load(next, signal));
    assert.deepEqual([told.filter((action) => action !== '?'), tracker.state.own, tracker.state.phase, tracker.state.following], [['Stop', 'SetNextAVTransportURI', 'SetAVTransportURI'], next, 'stopped', undefined]);
    assert.ok(passed() >= options.stopWait);
    const still = transportOf('stopped');
    await still.passing(still.transport.load(next, signal));
    assert.deepEqual(still.told, ['SetAVTransportURI']);
    const odd = transportOf('stopped', {}, { stopBeforeLoad: true });
    await odd.passing(odd.transport.load(next, signal));
    assert.deepEqual(odd.told, ['Stop', 'SetAVTransportURI']);
  });

  it('is told where to go in the way that worked before', async () => {
    const { transport, told, learnt, tracker, passing } = transportOf('playing', { Seek: [711] });
    await passing(transport.seek(10.5, signal));
    assert.deepEqual([told.length, learnt.seek, tracker.state.position], [2, 'rel-time', 10.5]);
    await passing(transport.seek(20.5, signal));
    assert.equal(told.length, 3);
  });

  it('says why it does not go there, if there is no way at all', async () => {
    const { transport, learnt, tracker, passing } = transportOf('playing', { Seek: [711, 710, 710] });
    await assert.rejects(passing(transport.seek(10.5, signal)), refused(711));
    assert.deepEqual([learnt.seek, tracker.state.position], [undefined, undefined]);
  });
});
