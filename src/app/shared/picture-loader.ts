import { fileURLToPath } from 'node:url';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { throwIfAborted } from '../../xpmn/kernel/tasks.ts';
import { pictureType } from '../../xpmn/model/picture.ts';
import type { MediaSource } from '../../xpmn/ports/media-source.ts';
import type { PictureLoader } from '../../xpmn/ports/picture-loader.ts';
import { createFileSource } from './file-source.ts';
import { createUrlSource } from './url-source.ts';
import type { UrlSourceDeps, UrlSourceOptions } from './url-source.ts';

export interface PictureLoaderOptions {
  /** Of one picture. */
  readonly bytes: number;
  readonly url: UrlSourceOptions;
}

/** Players of this machine name such; browsers by `data:`. */
export function createPictureLoader(deps: UrlSourceDeps, { bytes: limit, url: urlOptions }: PictureLoaderOptions): PictureLoader {
  function bytesAt(url: string, signal: AbortSignal): Promise<Buffer> | Buffer {
    // Not to be parsed: it may be long.
    if (/^data:/i.test(url)) return bytesIn(url, limit);
    if (!URL.canParse(url)) throw nowhere();
    const parsed = new URL(url);
    switch (parsed.protocol) {
      case 'file:': return gathered(createFileSource(pathOf(parsed), { type: 'image/*' }), limit, signal);
      case 'http:':
      case 'https:': return gathered(createUrlSource(deps, urlOptions, { url: parsed }), limit, signal);
      default: throw nowhere();
    }
  }

  return {
    async load(url, { signal }) {
      throwIfAborted(signal);
      const bytes = await bytesAt(url, signal);
      const type = pictureType(bytes);
      if (type === undefined) throw new XpmnError('unsupported-type', 'That is no picture of a kind that is known.');
      return { type, bytes };
    },
  };
}

/** @throws XpmnError `not-found` for the files of another machine, and for what is no base64 */
function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw nowhere(error);
  }
}

function bytesIn(url: string, limit: number): Buffer {
  const head = /^data:image\/[\w.+-]{1,64}(?:;[\w.+=-]{1,64}){0,4};base64,/i.exec(url)?.[0];
  if (head === undefined) throw nowhere();
  if ((url.length - head.length) * 0.75 > limit + 2) throw tooLarge();
  try {
    return Buffer.from(decodeURIComponent(url.slice(head.length)), 'base64');
  } catch (error) {
    throw nowhere(error);
  }
}

async function gathered(source: MediaSource, limit: number, signal: AbortSignal): Promise<Buffer> {
  const media = await source.open({ signal });
  const { size = limit } = media.entity;
  if (size > limit) {
    media.close();
    throw tooLarge();
  }
  // One byte more than there may be: where it is used, there are too many.
  const room = Buffer.allocUnsafe(size + 1);
  let length = 0;
  await media.read({
    buffer: () => room.subarray(length),
    filled(count) {
      length += count;
      if (length > size) throw tooLarge();
      return undefined;
    },
  }, { signal });
  return room.subarray(0, length);
}

function nowhere(cause?: unknown): XpmnError {
  return new XpmnError('not-found', 'That is no picture that can be fetched.', { cause });
}

function tooLarge(): XpmnError {
  return new XpmnError('too-large', 'The picture is too large.');
}
