import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { abortable, throwIfAborted } from '../../src/xpmn/kernel/tasks.ts';
import type { Picture } from '../../src/xpmn/model/picture.ts';
import type { PictureLoader } from '../../src/xpmn/ports/picture-loader.ts';

/** Pictures by URL, in memory. */
export class FakePictureLoader implements PictureLoader {
  readonly pictures = new Map<string, Picture>();
  readonly failures = new Map<string, XpmnError>();

  async load(url: string, { signal }: { readonly signal: AbortSignal }): Promise<Picture> {
    throwIfAborted(signal);
    await abortable(Promise.resolve(), signal);
    const failure = this.failures.get(url);
    if (failure) throw failure;
    const picture = this.pictures.get(url);
    if (!picture) throw new XpmnError('not-found', 'There is no such picture.');
    return picture;
  }
}
