import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { MediaContainer, MediaItem, MediaObject } from '../../src/xpmn/model/media.ts';
import type { MediaLibrary } from '../../src/xpmn/ports/media-device.ts';
import type { MediaSource } from '../../src/xpmn/ports/media-source.ts';
import { memorySource } from './memory-source.ts';

/** A library in memory: what `add` put there, under `root`. */
export class MemoryLibrary implements MediaLibrary {
  readonly contents = new Map<string, Buffer>();
  private readonly objects = new Map<string, MediaObject>([['root', { kind: 'container', id: 'root', parent: undefined, title: 'Library' }]]);
  /** Children that one page has at most. */
  most = Infinity;
  /** What was listed. */
  readonly browsed: { readonly container: string; readonly offset: number; readonly limit: number }[] = [];
  /** Put in the way of every source: breaks, changes. */
  wrap: (source: MediaSource, uid: string) => MediaSource = (source) => source;

  addContainer(id: string, title: string, parent = 'root'): void {
    const container: MediaContainer = { kind: 'container', id, parent, title };
    this.objects.set(id, container);
  }

  addItem(uid: string, title: string, content: Buffer, { parent = 'root', type = 'video/mp4' } = {}): void {
    const item: MediaItem = { kind: 'item', id: `object-${uid}`, parent, title, type: 'video', uid, size: content.length, mimeType: type };
    this.objects.set(item.id, item);
    this.contents.set(uid, content);
  }

  remove(id: string): void {
    this.objects.delete(id);
  }

  async browse(containerId: string, { offset, limit }: { readonly offset: number; readonly limit: number }): ReturnType<MediaLibrary['browse']> {
    this.browsed.push({ container: containerId, offset, limit });
    const container = await this.object(containerId);
    if (container.kind !== 'container') throw new XpmnError('not-found', 'There is no such container.');
    const all = [...this.objects.values()].filter(({ parent }) => parent === containerId);
    return { container, children: all.slice(offset, offset + Math.min(limit, this.most)), offset, total: all.length };
  }

  object(id: string): Promise<MediaObject> {
    const object = this.objects.get(id) ?? [...this.objects.values()].find((item) => item.kind === 'item' && item.uid === id);
    return object ? Promise.resolve(object) : Promise.reject(new XpmnError('not-found', 'There is no such object.'));
  }

  source(uid: string): Promise<MediaSource> {
    const content = this.contents.get(uid);
    if (!content) return Promise.reject(new XpmnError('not-found', 'There is no such item.'));
    return Promise.resolve(this.wrap(memorySource(content), uid));
  }
}
