import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { PlayerSnapshot } from '../../../src/xpmn/ports/media-player.ts';
import { mprisRigs } from '../../support/mpris-rig.ts';
import type { MprisRig } from '../../support/mpris-rig.ts';
import { settings } from '../../support/settings.ts';

const signal = new AbortController().signal;

describe('a player by MPRIS, while something else happens', function () {
  this.timeout(20_000);
  const begin = mprisRigs();
  let rig: MprisRig;

  const members = (): string[] => rig.scripted.calls.map((call) => call.split(' ')[0] as string);

  it('is stopped also where it may still begin what it was told before that was broken off', async () => {
    rig = await begin({ opensIn: 500 });
    const [one, two] = [await rig.media(60), await rig.media(60)];
    for (const end of ['stop', 'load'] as const) {
      await rig.player.load(one, { signal });
      rig.scripted.calls.length = 0;
      const enough = new AbortController();
      const broken = assert.rejects(rig.player.play({ signal: enough.signal }), { code: 'aborted' });
      await rig.pass(100, () => members().includes('OpenUri'));
      enough.abort(new XpmnError('aborted', 'Enough.'));
      await broken;
      if (end === 'stop') await rig.player.stop({ signal });
      else await rig.player.load(two, { signal });
      await rig.pass(2_000);
      assert.deepEqual([members(), rig.scripted.status, rig.player.snapshot.state], [['OpenUri', 'Stop'], 'Stopped', 'stopped']);
    }
    assert.equal(rig.player.snapshot.media?.url, two.url);
  });

  it('is looked at no more often for many jumps at once than for one', async () => {
    rig = await begin({ seekedBefore: 60_000 });
    rig.scripted.playList([{ url: 'http://127.0.0.1/a.mp3', seconds: 100 }]);
    await rig.settled();
    const before = rig.clock.pending;
    for (let place = 1; place <= 20; place += 1) rig.scripted.seek(30 + place);
    await rig.settled();
    assert.ok(rig.clock.pending <= before + 20 + 1, `${rig.clock.pending - before} timers`);
  });

  it('shows nothing before it has been read, whatever it tells meanwhile; that is not lost', async () => {
    rig = await begin();
    const told: PlayerSnapshot[] = [];
    await rig.player.load(await rig.media(60), { signal });
    await rig.player.play({ signal });
    rig.player.detach();
    rig.scripted.silent.add('GetAll');
    const attached = rig.player.attach(rig.owner, { signal }).catch(() => undefined);
    await rig.settled();
    rig.player.on('changed', (snapshot) => told.push(snapshot));
    rig.scripted.setVolume(0.7);
    await rig.settled();
    assert.deepEqual(told, []);
    rig.player.detach();
    await attached;
    rig.scripted.silent.clear();
    rig.scripted.silent.add('Get');
    const again = rig.player.attach(rig.owner, { signal });
    await rig.settled();
    rig.scripted.setVolume(0.9);
    await rig.settled();
    rig.scripted.silent.clear();
    assert.ok(await rig.pass(settings.mpris.player.positionTimeout + 1000, () => rig.player.snapshot.volume === 90));
    await again;
    await rig.player.pause({ signal });
  });

  it('takes nothing before it has been read, though a program before it was being read when that left', async () => {
    rig = await begin();
    rig.scripted.playList([{ url: 'http://127.0.0.1/a.mp3', seconds: 60 }]);
    rig.scripted.silent.add('Get');
    const former = rig.player.attach(rig.owner, { signal });
    await rig.settled();
    rig.scripted.isStalled = true;
    rig.player.detach();
    const next = rig.player.attach(rig.owner, { signal });
    await former;
    await assert.rejects(rig.player.stop({ signal }), { code: 'unreachable' });
    rig.player.detach();
    await assert.rejects(next, { code: 'unreachable' });
  });

  it('is heard out when it leaves in the same breath in which it says that its title is over', async () => {
    for (const leave of ['detach', 'attach'] as const) {
      rig = await begin();
      const ended: string[] = [];
      rig.player.on('ended', (url) => ended.push(url));
      const media = await rig.media(60);
      await rig.player.load(media, { signal });
      await rig.player.play({ signal });
      await rig.pass(60_000 - 200);
      // what is asked first is not answered any more
      rig.scripted.silent.add('Get');
      rig.scripted.setVolume(0.7);
      await rig.settled();
      await rig.pass(250);
      assert.deepEqual([ended, rig.player.snapshot.state], [[], 'playing']);
      if (leave === 'detach') rig.player.detach();
      else void rig.player.attach(rig.owner, { signal }).catch(() => undefined);
      assert.deepEqual([ended, rig.player.snapshot.state], [[media.url], 'stopped'], leave);
    }
  });
});
