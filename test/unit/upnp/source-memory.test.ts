import assert from 'node:assert/strict';
import { SourceMemory } from '../../../src/upnp/source-memory.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { MediaSource } from '../../../src/xpmn/ports/media-source.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const signal = new AbortController().signal;
const OPTIONS = { lifetime: 5000, sources: 2 };

/** A server whose items can be replaced, and that counts what it is asked. */
class Server {
  readonly asked: string[] = [];
  closed = 0;
  /** What lies at the place that each uid had when it was looked up. */
  etag = 'first';
  failure: XpmnError | undefined;
  readonly clock = new FakeClock();
  readonly memory = new SourceMemory(this.clock, OPTIONS);

  source(uid: string): Promise<MediaSource> {
    return this.memory.source(uid, () => this.lookUp(uid), signal);
  }

  async open(uid: string): Promise<string> {
    return (await (await this.source(uid)).open({ signal })).entity.etag;
  }

  private lookUp(uid: string): Promise<MediaSource> {
    this.asked.push(uid);
    const entity = { size: 1, type: 'video/mp4', etag: 'x' };
    const place = this.asked.length;
    const found = (): { size: number; type: string; etag: string } => {
      if (this.failure && place === 1) throw this.failure;
      return { ...entity, etag: this.etag };
    };
    return Promise.resolve({
      probe: () => new Promise((resolve) => resolve(found())),
      open: () => new Promise((resolve) => resolve({ entity: found(), range: undefined, read: () => Promise.resolve(), close: () => (this.closed += 1) })),
    });
  }
}

describe('source memory', () => {
  it('asks once for many ranges', async () => {
    const server = new Server();
    for (let i = 0; i < 5; i += 1) await server.open('a');
    await (await server.source('a')).probe({ signal });
    assert.deepEqual(server.asked, ['a']);
  });

  it('asks again when its time is over, counted from the look-up', async () => {
    const server = new Server();
    await server.open('a');
    await server.clock.advance(4999);
    await server.open('a');
    await server.clock.advance(1);
    await server.open('a');
    assert.deepEqual(server.asked, ['a', 'a']);
  });

  it('asks again, unnoticed, when another entity lies there; the one opened is closed', async () => {
    const server = new Server();
    assert.equal(await server.open('a'), 'first');
    server.etag = 'second';
    assert.equal(await server.open('a'), 'second');
    assert.deepEqual([server.asked, server.closed], [['a', 'a'], 1]);
  });

  for (const use of ['open', 'probe'] as const) {
    it(`asks again when ${use} finds nothing there any more`, async () => {
      const server = new Server();
      await server.open('a');
      server.failure = new XpmnError('not-found', 'Gone.');
      await (await server.source('a'))[use]({ signal });
      assert.deepEqual(server.asked, ['a', 'a']);
    });
  }

  it('says so when the answer is no better', async () => {
    const server = new Server();
    await server.open('a');
    server.failure = new XpmnError('not-found', 'Gone.');
    const gone = server.memory.source('a', () => Promise.reject(new XpmnError('not-found', 'The item has gone.')), signal);
    await assert.rejects((await gone).open({ signal }), { code: 'not-found', message: 'The item has gone.' });
  });

  it('asks nobody who can\'t be reached, and forgets', async () => {
    const server = new Server();
    await server.open('a');
    server.failure = new XpmnError('origin-unreachable', 'Nobody there.');
    await assert.rejects(server.open('a'), { code: 'origin-unreachable' });
    assert.deepEqual(server.asked, ['a']);
    await server.open('a');
    assert.deepEqual(server.asked, ['a', 'a']);
  });

  it('remembers the latest only', async () => {
    const server = new Server();
    for (const uid of ['a', 'b', 'c', 'b', 'a']) await server.open(uid);
    assert.deepEqual(server.asked, ['a', 'b', 'c', 'a']);
  });
});
