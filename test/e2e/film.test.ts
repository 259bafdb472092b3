import assert from 'node:assert/strict';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LibraryEntry, LocalUrl } from '../../src/app/gateway-api.ts';
import { generateFilm } from '../peers/media.ts';
import { run, startProcess } from '../peers/process.ts';
import { browseAll } from './support/crawl.ts';
import type { Machine } from './support/machine.ts';
import { World } from './support/world.ts';

const SIZE = 1024 ** 3;
/** What a player may take for opening a film, playing some seconds here, and some there; 2 MB are one second. */
const FEW = 96 * 1024 * 1024;

describe('a film of 1 GB at a player elsewhere', function () {
  this.timeout(240_000);
  let world: World;
  let a: Machine;
  let b: Machine;
  let film: LibraryEntry & { uri: string };
  let url: string;

  before(async () => {
    world = await World.create({ media: (directory) => generateFilm(directory, SIZE) });
    [, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1))]);
    b = await world.join(a, world.network.out);
    const nas = await b.library();
    film = (await browseAll(b, nas.id)).find(({ title }) => title === 'film') as typeof film;
    url = (await b.json<LocalUrl>(['url', film.uri])).url;
  });

  after(() => world?.close());

  /** Bytes that the player has got, and that have come over the network, while `work` was done. */
  async function counted(work: () => Promise<void>): Promise<{ played: number; carried: number }> {
    const [lo, eth] = [await b.received('lo'), await b.received('eth0')];
    await work();
    return { played: (await b.received('lo')) - lo, carried: (await b.received('eth0')) - eth };
  }

  it('is seen for what it is: format, length, streams', async () => {
    const { played, carried } = await counted(async () => {
      const text = await run(['ffprobe', '-v', 'error', '-of', 'json', '-show_format', '-show_streams', url], { netns: b.ns });
      const { format, streams } = JSON.parse(text) as { format: { format_name: string; duration: string; size: string }; streams: { codec_type: string }[] };
      assert.equal(format.format_name, 'mpegts');
      assert.equal(Number(format.size), (await stat(join(world.media, 'film.ts'))).size);
      assert.deepEqual(streams.map(({ codec_type: type }) => type).sort(), ['audio', 'video']);
      assert.ok(Number(format.duration) > 400, format.duration);
    });
    assert.ok(played < FEW && carried < FEW, `${played} played, ${carried} carried`);
  });

  it('plays in mpv, jumps to 90 %, and plays on there, for a small part of its bytes', async () => {
    const { played, carried } = await counted(async () => {
      const script = await b.file('seek.lua', SEEK);
      const argv = ['mpv', '--no-config', '--vo=null', '--ao=null', '--no-terminal', '--cache-secs=2', '--demuxer-max-bytes=8MiB', `--script=${script}`, url];
      const mpv = await startProcess('mpv', argv, { netns: b.ns, env: { ...process.env, HOME: b.folder } });
      try {
        const { code } = await Promise.race([mpv.exited, new Promise<never>((_, reject) => setTimeout(reject, 90_000, new Error(`mpv hangs: ${mpv.output()}`)).unref())]);
        assert.equal(code, 0, mpv.output());
      } finally {
        await mpv.stop();
      }
      const [before = 0, after = 0, duration = 1] = (await readFile(join(b.folder, 'positions'), 'utf8')).split(' ').map(Number);
      assert.ok(before > 0 && before < 30, `it played from the start: ${before}`);
      assert.ok(after > duration * 0.9, `it played at 90 %: ${after} of ${duration}`);
    });
    assert.ok(played > 1_000_000, `${played} played`);
    assert.ok(played < FEW && carried < FEW, `${played} played, ${carried} carried`);
  });

  it('gives the same picture at 90 % as the file itself', async () => {
    const frame = (from: string): Promise<string> =>
      run(['ffmpeg', '-nostdin', '-v', 'error', '-ss', '480', '-i', from, '-frames:v', '5', '-map', '0:v', '-f', 'framemd5', '-'], { netns: b.ns });
    const { played } = await counted(async () => assert.equal(await frame(url), await frame(join(world.media, 'film.ts'))));
    assert.ok(played < FEW, `${played} played`);
  });

  it('lets nothing be fetched that nobody wants: a paused player stops the whole path', async () => {
    const { carried } = await counted(async () => {
      // It takes the head, and then nothing: what comes in 5 s is what all buffers hold.
      const script = 'exec 3<>/dev/tcp/127.0.0.1/$1; printf "GET $2 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" >&3; head -c 1000 <&3 >/dev/null; sleep 5';
      const { port, pathname } = new URL(url);
      await run(['bash', '-c', script, 'player', port, pathname], { netns: b.ns });
    });
    assert.ok(carried < 64 * 1024 * 1024, `${carried} carried`);
  });

  it('carries a range, and not much beside it', async () => {
    const target = join(b.folder, 'part');
    const { carried } = await counted(async () => {
      const { code, stderr } = await b.xpmn(['get', film.uri, '-o', target, '--range', '500000000-500999999']);
      assert.equal(code, 0, stderr);
    });
    const handle = await open(join(world.media, 'film.ts'));
    const { buffer } = await handle.read(Buffer.alloc(1_000_000), 0, 1_000_000, 500_000_000);
    await handle.close();
    assert.ok(buffer.equals(await readFile(target)));
    assert.ok(carried < 8_000_000, `${carried} carried`);
  });
});

/** Plays 2 s, jumps to 90 %, plays 2 s, writes down where it was both times, and ends. */
const SEEK = `
local before
local function later(from, act)
  local timer
  timer = mp.add_periodic_timer(0.1, function()
    local now = mp.get_property_number("time-pos")
    if now and now - from >= 2 then timer:kill(); act(now) end
  end)
end
mp.register_event("file-loaded", function()
  later(mp.get_property_number("time-pos") or 0, function(now)
    before = now
    mp.commandv("seek", "90", "absolute-percent+exact")
    local target = mp.get_property_number("duration") * 0.9
    later(target, function(after)
      local file = io.open(os.getenv("HOME") .. "/positions", "w")
      file:write(before, " ", after, " ", mp.get_property_number("duration"))
      file:close()
      mp.commandv("quit")
    end)
  end)
end)
`;
