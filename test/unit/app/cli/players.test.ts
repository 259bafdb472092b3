import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ControlServer } from '../../../../src/app/control/server.ts';
import { mediaInFolder } from '../../../../src/app/cli/folder-to-play.ts';
import type { CliDeps } from '../../../../src/app/cli/io.ts';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { FakeGateway, fakeDevice } from '../../../fakes/fake-gateway.ts';
import { playbackStatus, playingItem } from '../../../fakes/fake-players.ts';
import { fakeControlled } from '../../../fakes/fake-setup.ts';
import { waitUntil } from '../../../peers/wait.ts';
import { cli } from '../../../support/cli.ts';
import type { CliResult } from '../../../support/cli.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { settings } from '../../../support/settings.ts';

const FILM = 'xmpp:anna@example.org/nas-k3fq?transfer;uid=film-1';
const LIVING = 'anna@example.org/living-aaaa';

describe('commands for players', () => {
  let home: string;
  let gateway: FakeGateway;
  let server: ControlServer;

  const xpmn = (argv: readonly string[], deps: Partial<CliDeps> = {}): Promise<CliResult> => cli([...argv, '--home', home], deps);
  const json = async (argv: readonly string[]): Promise<unknown> => JSON.parse((await xpmn([...argv, '--json'])).stdout);
  const said = async (argv: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await xpmn(argv);
    assert.deepEqual([status, stderr], [0, ''], argv.join(' '));
    return stdout;
  };
  const file = async (name: string): Promise<string> => {
    const path = join(home, name);
    await writeFile(path, 'media');
    return path;
  };

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'xpmn-players-'));
    gateway = new FakeGateway();
    gateway.list.push(fakeDevice('living-aaaa', 'Living room', { kind: 'media-player', services: ['playback', 'rendering'] }));
    server = await ControlServer.open(join(home, 'control.sock'), { controlled: fakeControlled({ gateway: () => gateway }), log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  describe('play', () => {
    it('opens what the network has, and says what plays', async () => {
      assert.equal(await said(['play', FILM, '--on', 'living']), 'playing Title 1 on Living room\n');
      assert.equal(await said(['play', FILM, FILM, FILM, '--on', 'living', '--from', '1:30']), 'playing Title 1 on Living room (1 of 3)\n');
      assert.deepEqual(gateway.players.opened, [
        { device: LIVING, uris: [FILM], position: undefined, autoplay: true },
        { device: LIVING, uris: [FILM, FILM, FILM], position: 90, autoplay: true },
      ]);
    });

    it('shares files and URLs, and keeps the order', async () => {
      const [plain, odd] = [await file('song.mp3'), await file('http - a song')];
      await said(['play', plain, 'http://example.org/radio', FILM, 'HTTPS://example.org/a.m3u', pathToFileURL(odd).href, '--on', 'living']);
      assert.deepEqual(gateway.shared, [{ file: plain }, { url: 'http://example.org/radio' }, { url: 'HTTPS://example.org/a.m3u' }, { file: odd }]);
      const shared = [1, 2, 3, 4].map((n) => `xmpp:anna@example.org/gateway-k3fq?transfer;uid=shared-${n}`);
      assert.deepEqual(gateway.players.opened[0]?.uris, [shared[0], shared[1], FILM, shared[2], shared[3]]);
    });

    it('calls what is in a playlist as that does', async () => {
      const list = await file('radio.m3u');
      await writeFile(list, '#EXTM3U\n#EXTINF:-1,Radio One\nhttp://example.org/stream\nhttp://example.org/other\n');
      await said(['play', list, '--on', 'living']);
      assert.deepEqual(gateway.shared, [{ url: 'http://example.org/stream', title: 'Radio One' }, { url: 'http://example.org/other' }]);
    });

    it('takes a file by the directory that it is run in, whatever it is called', async () => {
      const here = process.cwd();
      await file('spotify:track');
      process.chdir(home);
      try {
        await said(['play', 'spotify:track', '--on', 'living']);
      } finally {
        process.chdir(here);
      }
      assert.deepEqual(gateway.shared, [{ file: join(home, 'spotify:track') }]);
    });

    it('refuses what it can\'t play before anything is opened, and names it', async () => {
      const song = await file('song.mp3');
      const cases: [string, number, RegExp][] = [
        ['none.mp3', 1, /^xpmn: not-found: There is no file "none\.mp3"\.\n$/],
        ['/dev/null', 2, /^xpmn: usage: "\/dev\/null" is no ordinary file\.\n$/],
        ['', 1, /^xpmn: not-found: There is no file ""\.\n$/],
        ['NjQkMA', 1, /^xpmn: not-found: There is no file "NjQkMA": what a server has is named as `xpmn browse` lists it, a container together with --of\.\n$/],
        ['spotify:track:1', 2, /^xpmn: usage: "spotify:track:1" is neither a file nor a kind of URI that can be played: those begin with xmpp:, http: or https:\.\n$/],
        ['rtsp://example.org/a', 2, /^xpmn: usage: "rtsp:\/\/example\.org\/a" is neither/],
        ['xmpp:anna@example.org', 2, /^xpmn: usage: "xmpp:anna@example\.org" is no media item: they look like xmpp:…\?transfer;uid=…/],
        ['http://', 2, /^xpmn: usage: "http:\/\/" is no URL\.\n$/],
        ['file://elsewhere/a.mp3', 2, /^xpmn: usage: "file:\/\/elsewhere\/a\.mp3" names no file of this machine\.\n$/],
        ['file:///none.mp3', 1, /^xpmn: not-found: There is no file "\/none\.mp3"\.\n$/],
      ];
      for (const [word, status, sentence] of cases) {
        const got = await xpmn(['play', song, word, '--on', 'living']);
        assert.deepEqual([got.status, got.stdout], [status, ''], word);
        assert.match(got.stderr, sentence);
      }
      assert.deepEqual([gateway.shared, gateway.players.opened], [[], []]);
    });

    it('plays what is in a folder, by the names, and no more than a list has', async () => {
      const folder = join(home, 'music');
      for (const name of ['Album', 'Album/Live', 'empty']) await mkdir(join(folder, name), { recursive: true });
      for (const name of ['2 b.mp3', '10 a.flac', 'cover.jpg', 'notes.txt', 'all.m3u', '.hidden.mp3', 'Album/1.ogg', 'Album/Live/film.mkv']) await file(join('music', name));
      await symlink('..', join(folder, 'Album', 'above'));
      await symlink('gone.mp3', join(folder, 'Album', 'gone.mp3'));
      const expected = ['2 b.mp3', '10 a.flac', 'Album/1.ogg', 'Album/Live/film.mkv'].map((name) => ({ file: join(folder, name) }));
      await said(['play', folder]);
      assert.deepEqual(gateway.shared.splice(0), expected);
      assert.equal((await xpmn(['play', join(folder, 'empty'), folder, FILM])).stderr, `There is no music and no film in "${join(folder, 'empty')}".\n`);
      assert.deepEqual(gateway.shared.splice(0), expected);
      assert.deepEqual(await xpmn(['play', join(folder, 'empty')]), { status: 1, stdout: '', stderr: `xpmn: not-found: There is no music and no film in "${join(folder, 'empty')}".\n` });
      const { items } = settings.player.playlist;
      assert.equal((await xpmn(['play', ...Array.from({ length: items - 1 }, () => FILM), folder])).stderr, `Only the first ${items} of ${items + 3} titles are played: a list has no more.\n`);
      assert.deepEqual([gateway.players.opened.at(-1)?.uris.length, gateway.shared], [items, [expected[0]]]);
      const part = await mediaInFolder(folder, { entries: 3 }, assert.fail);
      assert.deepEqual([part.files.length < expected.length, part.isWhole], [true, false]);
    });

    it('plays what is in containers of a server, and no more than a list has', async () => {
      assert.equal(await said(['play', 'root', 'root', '--of', 'nas', '--on', 'living']), 'playing Title 1 on Living room (1 of 6)\n');
      const uri = (n: number): string => `xmpp:anna@example.org/nas-k3fq?transfer;uid=film-${n}`;
      assert.deepEqual(gateway.players.opened[0]?.uris, [0, 1, 2, 0, 1, 2].map(uri));
      const { items } = settings.player.playlist;
      gateway.films = items + 1;
      assert.deepEqual(await xpmn(['play', 'root', 'root', '--of', 'nas']), { status: 0, stdout: `playing Title 1 on Living room (1 of ${items})\n`, stderr: `Only the first ${items} titles are played: a list has no more.\n` });
      assert.deepEqual([gateway.players.opened[1]?.uris.length, gateway.players.opened[1]?.uris.at(-1)], [items, uri(items - 1)]);
      gateway.films = 0;
      assert.deepEqual(await xpmn(['play', 'root', '--of', 'NAS of Anna']), { status: 1, stdout: '', stderr: 'xpmn: not-found: There is nothing to play in "root" itself: `xpmn browse \'NAS of Anna\' root` lists what is in it.\n' });
      assert.match((await xpmn(['play', '--of', 'nas'])).stderr, /^xpmn: usage: --of is for containers: `xpmn browse nas` lists them\.\n$/);
      assert.match((await xpmn(['play', 'gone', '--of', 'nas'])).stderr, /^xpmn: not-found: NAS of Anna \(nas-k3fq\) has no container "gone": `xpmn browse nas-k3fq` lists those at its top, with what names each at the end of its line\.\n$/);
    });

    it('tells when a file may not be read, here or by the gateway', async () => {
      const [song, locked] = [await file('song.mp3'), await file('locked.mp3')];
      const { status: done, stderr: notice } = await xpmn(['play', song, locked, '--on', 'living']);
      assert.deepEqual([done, notice], [0, `skipped ${locked}: It can't be read.\n`]);
      assert.equal((await xpmn(['play', locked, '--on', 'living'])).stderr, `xpmn: not-allowed: ${locked}: It can't be read.\n`);
      assert.equal((await xpmn(['play', 'http://me:secret@example.org/locked', '--on', 'living'])).stderr, 'xpmn: not-allowed: http://example.org/locked: It can\'t be read.\n');
      await chmod(song, 0);
      const { status, stderr } = await xpmn(['play', song, '--on', 'living']);
      // Nothing is forbidden to root.
      if (process.getuid?.() !== 0) assert.deepEqual([status, /^xpmn: not-allowed: ".*song\.mp3" can't be read: check its permissions\.\n$/.test(stderr)], [1, true]);
    });

    it('needs no device where there is one player, and names them where there are several', async () => {
      assert.equal(await said(['play', FILM]), 'playing Title 1 on Living room\n');
      gateway.list.push(fakeDevice('kitchen-bbbb', 'Kitchen', { services: ['playback'] }));
      assert.deepEqual(await xpmn(['play', FILM]), { status: 1, stdout: '', stderr: 'xpmn: bad-request: There are several players: Living room (living-aaaa), Kitchen (kitchen-bbbb). Say which with --on, by its name or what is in parentheses.\n' });
      gateway.list.length = 2;
      assert.deepEqual(await xpmn(['play', FILM]), { status: 1, stdout: '', stderr: 'xpmn: not-found: There is no player in the media network that is on: `xpmn devices` shows what there is.\n' });
    });

    it('says that a device is no player, or not there', async () => {
      assert.deepEqual(await xpmn(['play', FILM, '--on', 'nas']), { status: 1, stdout: '', stderr: 'xpmn: not-supported: NAS of Anna (nas-k3fq) is no player: `xpmn devices` shows which devices are (playback, rendering).\n' });
      assert.match((await xpmn(['play', FILM, '--on', 'attic'])).stderr, /^xpmn: not-found: No device is called "attic"/);
      gateway.list.push(fakeDevice('old-cccc', 'Old', { services: [] }));
      gateway.players.failure = new XpmnError('not-supported', 'It knows nothing of that.');
      assert.match((await xpmn(['play', FILM, '--on', 'old'])).stderr, /^xpmn: not-supported: Old \(old-cccc\) is no player: /);
      gateway.players.failure = new XpmnError('peer-unavailable', 'It is not there.');
      assert.deepEqual(await xpmn(['play', FILM, '--on', 'old']), { status: 3, stdout: '', stderr: 'xpmn: peer-unavailable: Old can\'t be reached now: is it switched on? `xpmn devices` shows what can be reached.\n' });
    });

    it('waits until it plays', async () => {
      gateway.players.after = [{ state: 'opened' }];
      const running = said(['play', FILM, '--on', 'living']);
      for (const [state, revision] of [['buffering', 2], ['playing', 3]] as const) {
        await waitUntil('it waits', () => gateway.players.waiting === 1 && gateway.players.view.revision === revision);
        gateway.players.change({ status: playbackStatus({ session: 's2', state, index: 0, count: 1 }) });
      }
      assert.equal(await running, 'playing Title 1 on Living room\n');
      gateway.players.after = [{ state: 'opened' }, { state: 'paused' }];
      assert.equal(await said(['play', FILM, FILM, '--on', 'living']), 'paused Title 1 on Living room (1 of 2)\n');
    });

    it('fails when the player can\'t play it after all', async () => {
      const cases: [ErrorCode | undefined, number, RegExp][] = [
        ['unsupported-type', 1, /Living room can't play Title 1: it does not play media of this kind\./], ['origin-unreachable', 3, /it could not fetch or play it\. `xpmn get` tries/],
        ['not-found', 1, /not there any more/], ['not-allowed', 1, /does not give it to this player/], ['protocol-violation', 1, /can't play Title 1: it says protocol-violation\./], [undefined, 1, /origin-broken/],
      ];
      for (const [error, status, sentence] of cases) {
        gateway.players.after = [{ state: 'buffering' }, { state: 'error', error }];
        const got = await xpmn(['play', FILM, '--on', 'living']);
        assert.deepEqual([got.status, got.stdout], [status, '']);
        assert.match(got.stderr, sentence);
        assert.match(got.stderr, /^xpmn: [a-z-]+: [^\n]+\n$/);
      }
      // What lies on this disk is not fetched.
      gateway.players.after = [{ state: 'error', error: 'origin-unreachable' }];
      assert.equal((await xpmn(['play', await file('a.mp3'), '--on', 'living'])).stderr, 'xpmn: origin-unreachable: Living room can\'t play Title 1: it could not fetch or play it.\n');
    });

    it('names the titles that it goes past', async () => {
      const change = (item: string, changes: Parameters<typeof playbackStatus>[0]): void => gateway.players.change({ item: playingItem(item), status: playbackStatus({ session: 's2', count: 4, ...changes }) });
      gateway.players.after = [{ state: 'buffering' }];
      const running = xpmn(['play', FILM, FILM, FILM, FILM, '--on', 'living']);
      await waitUntil('it waits', () => gateway.players.waiting === 1);
      change('Nemo', { index: 0, state: 'error', error: 'unsupported-type' });
      await waitUntil('it has heard', () => gateway.players.waitingAfter === gateway.players.view.revision);
      // The failure of the one between was not heard.
      change('Creek', { index: 2, state: 'buffering' });
      await waitUntil('it has heard', () => gateway.players.waitingAfter === gateway.players.view.revision);
      change('Creek', { index: 2 });
      assert.deepEqual(await running, { status: 0, stdout: 'playing Creek on Living room (3 of 4)\n', stderr: 'Living room can\'t play Nemo: it does not play media of this kind.\nLiving room can\'t play Title 2.\n' });
    });

    it('calls what is shared by what it is called here', async () => {
      gateway.players.title = '';
      gateway.players.after = [{ index: 2, count: 3 }];
      const { stderr } = await xpmn(['play', await file('broken.mp3'), 'http://me:secret@example.org/radio', FILM, '--on', 'living']);
      assert.equal(stderr, 'Living room can\'t play broken.mp3.\nLiving room can\'t play http://example.org/radio.\n');
    });

    it('fails when no other title is tried, or the player itself has failed', async () => {
      const clock = new FakeClock();
      gateway.players.after = [{ state: 'error', error: 'unsupported-type' }];
      const running = xpmn(['play', FILM, FILM, '--on', 'living'], { clock });
      while (gateway.players.waiting === 0) await clock.advance(0);
      await clock.advance(settings.cli.playing);
      const { status, stderr } = await running;
      assert.deepEqual([status, stderr.split('\n').at(-2)], [1, 'xpmn: unsupported-type: Living room can\'t play Title 1: it does not play media of this kind.']);
      gateway.players.after = [{ state: 'error', error: 'unreachable' }];
      assert.match((await xpmn(['play', FILM, FILM, '--on', 'living'])).stderr, /^xpmn: unreachable: Living room can't play Title 1/);
    });

    it('says so where nothing is heard of it for long, or nobody waits', async () => {
      gateway.players.after = [{ state: 'buffering' }];
      const clock = new FakeClock();
      const running = xpmn(['play', FILM, '--on', 'living'], { clock });
      while (gateway.players.waiting === 0) await clock.advance(0);
      await clock.advance(settings.cli.patience);
      await clock.advance(settings.cli.playing);
      assert.deepEqual(await running, { status: 0, stdout: `opened Title 1 on Living room; it does not play yet: \`xpmn now --on ${LIVING} --watch\` shows what comes of it\n`, stderr: 'still waiting … (Ctrl-C ends it)\n' });
      assert.equal(clock.pending, 0);
      assert.equal(await said(['play', FILM, FILM, '--on', 'living', '--no-wait']), 'opened Title 1 on Living room (1 of 2)\n');
    });

    it('is not taken in by what was open before', async () => {
      gateway.players.after = [{ session: 'older' }];
      const running = said(['play', FILM, '--on', 'living']);
      await waitUntil('it waits for its own', () => gateway.players.waiting === 1);
      gateway.players.change({ status: playbackStatus({ session: 's2', state: 'paused', index: 0, count: 1 }) });
      assert.equal(await running, 'paused Title 1 on Living room\n');
    });

    it('is called what it is, where the item is told after the state', async () => {
      gateway.players.after = [{ state: 'buffering', uri: FILM }];
      const running = said(['play', FILM, '--on', 'living']);
      await waitUntil('it waits', () => gateway.players.waiting === 1);
      gateway.players.change({ item: { ...playingItem('Nemo'), uri: 'xmpp:a@b/c?transfer;uid=1' }, status: playbackStatus({ session: 's2', index: 0, count: 1, uri: FILM }) });
      assert.equal(await running, 'playing Title 1 on Living room\n');
    });

    it('ends when the user has had enough', async () => {
      gateway.players.after = [{ state: 'buffering' }];
      const [clock, signal] = [new FakeClock(), new AbortController()];
      const running = xpmn(['play', FILM, '--on', 'living'], { clock, signal: signal.signal });
      while (gateway.players.waiting === 0) await clock.advance(0);
      signal.abort(new XpmnError('aborted', 'Interrupted.'));
      assert.deepEqual(await running, { status: 1, stdout: '', stderr: 'xpmn: aborted: Interrupted.\n' });
      assert.equal(clock.pending, 0);
    });

    it('goes on with what the player has, where nothing is named', async () => {
      assert.equal(await said(['play', '--on', 'living']), 'playing on Living room\n');
      assert.deepEqual(gateway.players.commands, [{ name: 'play' }]);
      const { status, stderr } = await xpmn(['play', '--on', 'living', '--from', '90']);
      assert.equal(status, 2);
      assert.match(stderr, /^xpmn: usage: --from is for what is opened: `xpmn seek`/);
    });

    it('answers programs with what was opened', async () => {
      const answer = (await json(['play', FILM, '--on', 'living'])) as Record<string, unknown>;
      assert.deepEqual([answer['device'], answer['name'], answer['session'], answer['state'], (answer['items'] as unknown[]).length], [LIVING, 'Living room', 's2', 'playing', 1]);
    });

    it('makes titles of foreign devices harmless', async () => {
      gateway.list.push(fakeDevice('evil-dddd', 'a\nb\u001b', { services: ['playback'] }));
      assert.equal(await said(['play', FILM, '--on', 'evil']), 'playing Title 1 on a\\u000ab\\u001b\n');
    });
  });

  describe('what a player has', () => {
    it('is told what to do with it', async () => {
      const cases = [
        [['pause'], { name: 'pause' }, 'paused on Living room'], [['resume'], { name: 'play' }, 'playing on Living room'], [['stop'], { name: 'stop' }, 'stopped on Living room'],
        [['next'], { name: 'next' }, 'next title on Living room'], [['previous'], { name: 'previous' }, 'previous title on Living room'],
        [['seek', '90'], { name: 'seek', target: { position: 90 } }, 'at 1:30 on Living room'],
        [['seek', '1:02:03'], { name: 'seek', target: { position: 3723 } }, 'at 1:02:03 on Living room'],
        [['seek', '+10'], { name: 'seek', target: { offset: 10 } }, '0:10 ahead on Living room'],
        [['seek', '-10'], { name: 'seek', target: { offset: -10 } }, '0:10 back on Living room'],
        [['seek', '-1:30'], { name: 'seek', target: { offset: -90 } }, '1:30 back on Living room'],
        [['seek', '50%'], { name: 'seek', target: { percent: 50 } }, 'at 50 % on Living room'],
        [['volume', '20'], { name: 'set', variable: { name: 'volume', value: 20 } }, 'volume 20 on Living room'],
        [['volume', '+5'], { name: 'set', variable: { name: 'volume', value: 40 } }, 'volume 40 on Living room'],
        [['volume', '-5'], { name: 'set', variable: { name: 'volume', value: 30 } }, 'volume 30 on Living room'],
        [['volume', '+90'], { name: 'set', variable: { name: 'volume', value: 100 } }, 'volume 100 on Living room'],
        [['volume', '-90'], { name: 'set', variable: { name: 'volume', value: 0 } }, 'volume 0 on Living room'],
        [['mute', 'on'], { name: 'set', variable: { name: 'mute', value: true } }, 'Living room is muted'],
        [['mute', 'off'], { name: 'set', variable: { name: 'mute', value: false } }, 'Living room is not muted'],
      ] as const;
      for (const [argv, command, text] of cases) {
        assert.equal(await said([...argv, '--on', 'Living room']), `${text}\n`);
        assert.deepEqual(gateway.players.commands.pop(), command);
        const volume = command.name === 'set' && command.variable.name === 'volume' ? { volume: command.variable.value } : {};
        assert.deepEqual(await json(argv), { device: LIVING, name: 'Living room', ...volume }, 'the only player');
        assert.deepEqual(gateway.players.commands.splice(0), [command]);
      }
    });

    it('is not told what makes no sense', async () => {
      for (const argv of [['seek'], ['seek', 'x'], ['seek', '--loud'], ['seek', '1:60'], ['seek', '120%'], ['seek', '1', '2'], ['volume'], ['volume', '101'], ['volume', '-x'], ['mute'], ['mute', 'maybe'], ['pause', 'living'], ['now', 'living'], ['play', FILM, '--from', '+10'], ['play', FILM, '--from', '50%'], ['seek', '1', '--to', '2']]) {
        const { status, stdout, stderr } = await xpmn(argv);
        assert.deepEqual([status, stdout], [2, ''], argv.join(' '));
        assert.match(stderr, /^xpmn: usage: [^\n]+ See `xpmn [a-z]+ --help`\.\n$/);
      }
      assert.deepEqual(gateway.players.commands, []);
    });

    it('says how a player is named to those who just name it', async () => {
      for (const argv of [['pause', 'living'], ['volume', '5', 'living'], ['now', 'living']]) assert.match((await xpmn(argv)).stderr, /^xpmn: usage: too many arguments [^\n]+ got \d\. A player is named with --on\. See /);
      assert.doesNotMatch((await xpmn(['devices', 'living'])).stderr, /--on/);
      for (const argv of [['pause', '--on', ''], ['play', 'root', '--of', ' '], ['browse', '']]) assert.match((await xpmn(argv)).stderr, /^xpmn: usage: The name of a device is empty: `xpmn devices` lists those there are\. See /);
    });

    it('refuses in one line that says what to do next', async () => {
      const cases: [ErrorCode, string[], number, string][] = [
        ['unexpected-request', ['next'], 1, 'It is so. `xpmn now --on living` shows what it does.'], ['not-pausable', ['pause'], 1, 'It is so. It can be stopped: `xpmn stop --on living`.'],
        ['not-seekable', ['seek', '10'], 1, 'It is so.'], ['not-acceptable', ['seek', '10'], 1, 'It is so. `xpmn now --on living` shows what it plays.'],
        ['not-supported', ['next'], 1, 'It is so.'], ['origin-unreachable', ['next'], 3, 'It is so. Once what has it can be reached again, `xpmn resume --on living` goes on.'], ['origin-unreachable', ['resume'], 3, 'It is so. Once what has it can be reached again, `xpmn resume --on living` goes on.'], ['peer-unavailable', ['stop'], 3, 'Living room can\'t be reached now: is it switched on? `xpmn devices` shows what can be reached.'], ['unreachable', ['stop'], 3, 'It is so.'],
        ['timeout', ['stop'], 3, 'Living room did not answer in time: try again in a moment.'], ['transport-failed', ['stop'], 3, 'Living room did not answer: the connection to it broke. Try again in a moment.'], ['not-trusted', ['stop'], 4, 'It is so.'],
        ['not-found', ['volume', '5'], 1, 'Living room has no volume that can be reached from here: use its own controls.'], ['not-supported', ['mute', 'on'], 1, 'Living room has no way to mute it that can be reached from here: use its own controls.'],
      ];
      for (const [code, argv, status, sentence] of cases) {
        gateway.players.failure = new XpmnError(code, 'It is so.');
        const shown = argv[0] === 'volume' ? 'not-supported' : code;
        assert.deepEqual(await xpmn([...argv, '--on', 'living']), { status, stdout: '', stderr: `xpmn: ${shown}: ${sentence}\n` }, code);
      }
      assert.match((await xpmn(['pause', '--on', 'nas'])).stderr, /^xpmn: not-supported: NAS of Anna \(nas-k3fq\) is no player/);
    });

    it('names a player in what to do next as a shell takes it', async () => {
      gateway.players.failure = new XpmnError('not-pausable', 'It is so.');
      for (const [name, option] of [['-rf', '--on=-rf'], ['--json', '--on=--json'], ["Anna's TV", "--on 'Anna'\\''s TV'"], ['42', '--on 42']] as const) {
        gateway.list.splice(1, 1, fakeDevice('odd-bbbb', name, { kind: 'media-player', services: ['playback'] }));
        assert.equal((await xpmn(['pause', `--on=${name}`])).stderr, `xpmn: not-pausable: It is so. It can be stopped: \`xpmn stop ${option}\`.\n`);
      }
    });

    it('can\'t get louder than what nobody knows', async () => {
      gateway.players.change({ volume: undefined });
      assert.deepEqual(await xpmn(['volume', '+5']), { status: 1, stdout: '', stderr: 'xpmn: not-supported: Living room does not say how loud it is: give a volume from 0 to 100.\n' });
      assert.equal(await said(['volume', '5']), 'volume 5 on Living room\n');
    });

    it('says how to start a daemon where there is none', async () => {
      await server.close();
      for (const argv of [['play', FILM], ['play'], ['pause'], ['seek', '1'], ['volume', '+1'], ['mute', 'on'], ['now'], ['now', '--watch']]) {
        const { status, stderr } = await xpmn(argv);
        assert.equal(status, 3);
        assert.match(stderr, /^xpmn: not-running: [^\n]*`xpmn daemon`[^\n]*\n$/);
      }
    });

    it('is explained without a manual', async () => {
      for (const name of ['play', 'pause', 'resume', 'stop', 'next', 'previous', 'seek', 'volume', 'mute', 'now']) {
        const { status, stdout } = await xpmn([name, '--help']);
        assert.equal(status, 0);
        assert.match(stdout, /^Usage: xpmn [^]*--on <device>/);
      }
      const { stdout } = await xpmn(['play', '--help']);
      assert.match(stdout, /go on with what the\s+player has, as resume does/);
      assert.match(stdout, /\nExamples:\n {2}xpmn play [^]*\n {2}xpmn play CONTAINER --of NAS --on TV /);
    });
  });
});
