import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSharedMedia } from '../../src/app/shared/shared-media.ts';
import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import { isPublicAddress } from '../../src/xpmn/media/reach.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { serveBytes } from '../support/serve-bytes.ts';
import { settings } from '../support/settings.ts';
import { describeSharedMedia } from './shared-media.suite.ts';

const PUBLIC = '127.0.0.77';

describeSharedMedia('files and URLs', async () => {
  const clock = new FakeClock();
  const folder = await mkdtemp(join(tmpdir(), 'xpmn-shared-'));
  const [film, song, picture] = [randomBytes(10_000), Buffer.concat([Buffer.from('ID3\x04'), randomBytes(500)]), Buffer.concat([Buffer.from('\xff\xd8\xff', 'latin1'), randomBytes(50)])];
  await writeFile(join(folder, 'Romeo_&_Żółw.mp4'), film);
  await writeFile(join(folder, 'no extension'), song);
  await writeFile(join(folder, 'wrong.mp4'), picture);
  await writeFile(join(folder, 'empty.mp3'), '');
  await writeFile(join(folder, 'secrets'), 'root:x:0:0');
  await mkdir(join(folder, 'folder.mp4'));
  execFileSync('mkfifo', [join(folder, 'pipe.mp4')]);
  const answers: Record<string, http.RequestListener> = {
    '/a%20film.mkv': serveBytes(film, { type: 'video/x-matroska' }),
    '/unknown/B-side.flac': serveBytes(song, { type: 'application/octet-stream' }),
    '/page.mp4': (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>'),
    '/': serveBytes(song, { type: 'audio/mpeg' }),
    '/what': serveBytes(film, { type: 'application/octet-stream' }),
  };
  const server = http.createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    if (answer) answer(request, response);
    else response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Nothing</h1>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Stands for the public web: nothing else of this machine does.
  const elsewhere = http.createServer(serveBytes(song, { type: 'audio/mpeg' })).listen(0, PUBLIC);
  await once(elsewhere, 'listening');
  const at = (name: string): string => join(folder, name);
  return {
    shared: createSharedMedia({ clock, random: systemRandom, isPublic: (address) => address === PUBLIC || isPublicAddress(address, []) }, { ...settings.feed.shared, publicItems: 3 }),
    publicUrl: (number) => `http://${PUBLIC}:${(elsewhere.address() as AddressInfo).port}/${number}.mp3`,
    publicItems: 3,
    good: [
      { what: at('Romeo_&_Żółw.mp4'), content: film, type: 'video/mp4', title: 'Romeo & Żółw' },
      { what: at('no extension'), content: song, type: 'audio/mpeg', title: 'no extension' },
      { what: at('wrong.mp4'), content: picture, type: 'image/jpeg', title: 'wrong' },
      { what: `${web}/a%20film.mkv`, content: film, type: 'video/x-matroska', title: 'a film' },
      { what: `${web}/unknown/B-side.flac`, content: song, type: 'audio/flac', title: 'B-side' },
      { what: `${web}/`, content: song, type: 'audio/mpeg', title: '127.0.0.1' },
    ],
    missing: [at('missing.mp4'), at('folder.mp4'), at('pipe.mp4'), folder, 'relative.mp4', '', '/dev/zero', `file://${at('wrong.mp4')}`, `${web}/missing.mp4`, 'http://', 'http://[/x.mp3'],
    noMedia: [at('secrets'), at('empty.mp3'), `${web}/page.mp4`, `${web}/what`],
    local: [at('Romeo_&_Żółw.mp4'), '/etc/passwd', `${web}/a%20film.mkv`, 'http://localhost/x.mp3', 'http://[::1]/x.mp3', 'http://0x7f.1/x.mp3', 'http://2130706433/x.mp3', 'http://[::ffff:127.0.0.1]/x.mp3', 'http://169.254.169.254/x.mp3'],
    elapse: () => clock.advance(settings.feed.shared.lifetime + 1),
    async close() {
      for (const one of [server, elsewhere]) {
        one.closeAllConnections();
        one.close();
      }
      await rm(folder, { recursive: true });
    },
  };
});
