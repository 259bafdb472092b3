import type { RequestListener } from 'node:http';

export interface ServeOptions {
  readonly ranges?: boolean;
  readonly head?: boolean;
  readonly chunked?: boolean;
  readonly close?: boolean;
  /** The connection breaks after that many bytes of a body. */
  readonly cutAfter?: number;
  readonly type?: string;
}

/** A small origin for one file, with the habits of one kind of server. */
export function serveBytes(content: Buffer, { ranges = true, head = true, chunked = false, close = false, cutAfter, type = 'video/mp4' }: ServeOptions): RequestListener {
  return (request, response) => {
    if (request.method === 'HEAD' && !head) {
      response.writeHead(405).end();
      return;
    }
    const asked = ranges ? /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') : null;
    const from = !asked ? 0 : asked[1] === '' ? Math.max(0, content.length - Number(asked[2])) : Number(asked[1]);
    const to = !asked || asked[1] === '' || asked[2] === '' ? content.length - 1 : Math.min(Number(asked[2]), content.length - 1);
    if (asked && (from > to || (asked[1] === '' && asked[2] === '0'))) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}`, 'content-length': 0 }).end();
      return;
    }
    const body = content.subarray(from, to + 1);
    response.writeHead(asked ? 206 : 200, {
      'content-type': type,
      ...(chunked && request.method !== 'HEAD' ? {} : { 'content-length': body.length }),
      ...(asked ? { 'content-range': `bytes ${from}-${to}/${content.length}` } : {}),
      ...(close ? { connection: 'close' } : {}),
    });
    if (request.method === 'HEAD') response.end();
    else if (cutAfter === undefined || body.length <= cutAfter) response.end(body);
    else response.write(body.subarray(0, cutAfter), () => response.destroy());
  };
}
