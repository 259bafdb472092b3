import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createPictureLoader } from '../../src/app/shared/picture-loader.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import type { Picture } from '../../src/xpmn/model/picture.ts';
import { FakePictureLoader } from '../fakes/fake-picture-loader.ts';
import { PICTURE_TYPES, somePicture } from '../support/pictures.ts';
import { serveBytes } from '../support/serve-bytes.ts';
import { settings } from '../support/settings.ts';
import { describePictureLoader } from './picture-loader.suite.ts';

const MOST = 5_000;
/** The one address that counts as one of the world. */
const WORLD = '127.0.0.1';

describePictureLoader('files, the web, and the URL itself', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xpmn-pictures-'));
  const at = (name: string): string => pathToFileURL(join(folder, name)).href;
  const [good, bad] = [new Map<string, Picture>(), new Map<string, readonly ErrorCode[]>()];
  const put = async (name: string, { bytes }: Pick<Picture, 'bytes'>): Promise<string> => {
    await writeFile(join(folder, name), bytes);
    return at(name);
  };

  // The largest there may be comes first: it takes longest.
  const largest = somePicture('image/png', MOST);
  good.set(await put('largest.png', largest), largest);
  for (const type of PICTURE_TYPES) {
    const picture = somePicture(type);
    good.set(await put(`Żółw & ${type.replace('/', '.')}`, picture), picture);
    good.set(`data:${type};base64,${picture.bytes.toString('base64')}`, picture);
  }
  const linked = somePicture();
  await put('linked', linked);
  await symlink(join(folder, 'linked'), join(folder, 'link'));
  good.set(at('link'), linked);
  const escaped = somePicture();
  good.set(`DATA:image/jpeg;charset=utf-8;base64,${encodeURIComponent(escaped.bytes.toString('base64'))}`, escaped);

  const onWeb = somePicture('image/webp', 3_000);
  const answers: Readonly<Record<string, http.RequestListener>> = {
    '/cover': serveBytes(onWeb.bytes, { type: 'image/webp' }),
    // Nobody says how long it is.
    '/chunks': (_request, response) => response.writeHead(200, { 'content-type': 'image/webp' }).end(onWeb.bytes),
    '/large': serveBytes(somePicture('image/png', MOST + 1).bytes, { type: 'image/png' }),
    '/endless': (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end(somePicture('image/png', 20 * MOST).bytes),
    '/page': (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>'),
    '/film': serveBytes(Buffer.from('\x1a\x45\xdf\xa3webm', 'latin1'), { type: 'image/png' }),
    '/moved': (request, response) => response.writeHead(302, { location: `http://world.example:${request.socket.localPort}/cover` }).end(),
    '/moved-home': (request, response) => response.writeHead(302, { location: `http://127.0.0.2:${request.socket.localPort}/cover` }).end(),
    '/moved-to-file': (_request, response) => response.writeHead(302, { location: at('linked') }).end(),
  };
  const server = http.createServer((request, response) => (answers[request.url ?? ''] ?? ((_, gone) => gone.writeHead(404).end()))(request, response)).listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const path of ['cover', 'chunks', 'moved']) good.set(`http://world.example:${port}/${path}`, onWeb);
  good.set(`http://${WORLD}:${port}/cover`, onWeb);

  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await mkdir(join(folder, 'folder'));
  for (const url of [
    at('missing.jpg'), at('pipe'), at('folder'), 'file:///dev/zero', 'file:///dev/stdin', 'file://elsewhere/cover.jpg', 'file:///a%2Fb', '', 'cover.jpg', join(folder, 'linked'), 'ftp://x/y.jpg',
    'javascript:alert(1)', 'data:', 'data:image/png,abc', 'data:text/html;base64,PGI+', 'data:image/png;base64,%', `http://world.example:${port}/missing`,
  ]) bad.set(url, ['not-found']);
  for (const url of [await put('secrets', { bytes: Buffer.from('root:x:0:0') }), await put('empty.jpg', { bytes: Buffer.alloc(0) }), 'file:///proc/self/environ', 'data:image/svg+xml;base64,PHN2Zz4=', `http://world.example:${port}/film`]) {
    bad.set(url, ['unsupported-type']);
  }
  bad.set(`http://world.example:${port}/page`, ['unsupported-type', 'origin-broken']);
  for (const url of [await put('large.png', somePicture('image/png', MOST + 1)), `data:image/png;base64,${somePicture('image/png', MOST + 4).bytes.toString('base64')}`, `http://world.example:${port}/large`, `http://world.example:${port}/endless`]) {
    bad.set(url, ['too-large']);
  }
  for (const host of ['home.example', '127.0.0.2', '127.2', '[::1]', '[::ffff:127.0.0.2]']) bad.set(`http://${host}:${port}/cover`, ['not-allowed']);
  bad.set(`http://world.example:${port}/moved-home`, ['not-allowed']);
  bad.set(`http://world.example:${port}/moved-to-file`, ['not-allowed']);
  return {
    loader: createPictureLoader({
      clock: systemClock,
      mayConnect: (address) => address === WORLD,
      resolve: (name, done) => done(null, [{ family: 4, address: name === 'world.example' ? WORLD : '127.0.0.2' }]),
    }, { bytes: MOST, url: settings.feed.shared.url }),
    good, bad,
    async close() {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true });
    },
  };
});

describePictureLoader('in memory', async () => {
  const loader = new FakePictureLoader();
  const url = 'file:///cover.jpg';
  loader.pictures.set(url, somePicture());
  loader.failures.set('file:///secrets', new XpmnError('unsupported-type', 'That is no picture.'));
  return { loader, good: loader.pictures, bad: new Map([['file:///missing.jpg', ['not-found']], ['file:///secrets', ['unsupported-type']]]), close: () => Promise.resolve() };
});
