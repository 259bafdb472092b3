import { startProcess } from '../../peers/process.ts';

export interface FileServer {
  /** Of the folder, with a slash at its end. */
  readonly url: string;
  /** What was asked for since it began: method, path, Range. */
  asked(): readonly string[];
  stop(): Promise<unknown>;
}

// A small web server as many have it, with Range; a process of its own, as it lives in another network namespace.
const SCRIPT = `
  import http from 'node:http';
  import { createReadStream, statSync } from 'node:fs';
  import { join, extname } from 'node:path';
  const [folder, address] = process.argv.slice(1);
  const TYPES = { '.mp3': 'audio/mpeg', '.m3u8': 'application/vnd.apple.mpegurl', '.m3u': 'audio/x-mpegurl', '.pls': 'audio/x-scpls', '.xspf': 'application/xspf+xml', '.txt': 'text/plain' };
  const server = http.createServer((request, response) => {
    console.log(request.method, request.url, request.headers.range ?? '');
    const path = join(folder, decodeURIComponent(request.url));
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) return response.writeHead(404).end();
    const [, from, to] = /^bytes=([0-9]+)-([0-9]*)$/.exec(request.headers.range ?? '') ?? [];
    const [start, end] = [Number(from ?? 0), to ? Math.min(Number(to), size - 1) : size - 1];
    const range = from === undefined ? {} : { 'Content-Range': 'bytes ' + start + '-' + end + '/' + size };
    response.writeHead(from === undefined ? 200 : 206, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Content-Length': end - start + 1, 'Accept-Ranges': 'bytes', ...range });
    if (request.method === 'HEAD') return response.end();
    createReadStream(path, { start, end }).on('error', () => response.destroy()).pipe(response);
  });
  server.listen(0, address, () => console.log('ready ' + server.address().port));
`;

export async function startFileServer(folder: string, { netns, address }: { readonly netns: string; readonly address: string }): Promise<FileServer> {
  const process_ = await startProcess('a web server', [process.execPath, '--input-type=module', '-e', SCRIPT, folder, address], { netns });
  const [, port] = await process_.said(/ready (\d+)/);
  return {
    url: `http://${address}:${port}/`,
    asked: () => process_.output().split('\n').filter((line) => /^(GET|HEAD) /.test(line)),
    stop: () => process_.stop(),
  };
}
