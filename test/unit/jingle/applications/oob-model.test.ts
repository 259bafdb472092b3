import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { settle } from '../../../support/fake-clock.ts';
import { wiredPair } from '../../../support/secured-pair.ts';
import { mediaFrom, openPair, type End } from './oob-rig.ts';

const WINDOW = 8192;

interface Plan {
  readonly size: number;
  /** Bytes the source has at a time. */
  readonly step: number;
  readonly forward: boolean;
  readonly announced: boolean;
  readonly fate: 'whole' | 'sender-aborts' | 'receiver-cancels' | 'source-fails';
  /** Bytes the sink uses per turn; 0: nothing before its last turn. */
  readonly appetite: number;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  size: fc.oneof(fc.nat(40_000), fc.constantFrom(0, 1, WINDOW, WINDOW + 1)),
  step: fc.constantFrom(1000, 5000, 100_000),
  forward: fc.boolean(),
  announced: fc.boolean(),
  fate: fc.constantFrom('whole', 'whole', 'sender-aborts', 'receiver-cancels', 'source-fails'),
  appetite: fc.constantFrom(0, 700, 5000, 100_000),
});

/** What is known of one stream, and what must hold of it whatever happens. */
class Model {
  readonly plan: Plan;
  readonly id: string;
  readonly content: Buffer;
  private readonly from: End;
  private readonly to: End;
  private readonly controller = new AbortController();
  private readonly got: Buffer[] = [];
  private bytes = 0;
  private lying = 0;
  private stream: { consumed(count: number): void; cancel(): void } | undefined;
  private end: 'none' | 'end' | XpmnError = 'none';
  private cancelled = false;
  private sent: Promise<unknown> | undefined;

  constructor(plan: Plan, index: number, forward: End, back: End) {
    this.plan = plan;
    this.id = `s${index}`;
    this.content = randomBytes(plan.size);
    [this.from, this.to] = plan.forward ? [forward, back] : [back, forward];
  }

  /** One turn of this stream: the n-th thing that happens to it. */
  turn(order: 'send-first' | 'claim-first', n: number): void {
    if (n === 0) (order === 'send-first' ? this.send : this.claim).call(this);
    else if (n === 1) (order === 'send-first' ? this.claim : this.send).call(this);
    else if (n === 3) this.meetFate();
    else this.use(this.plan.appetite);
  }

  private send(): void {
    const { step, size, fate } = this.plan;
    const failAt = fate === 'source-fails' ? Math.floor(size / 2) : Infinity;
    const media = mediaFrom(this.content, { step, failAt });
    this.sent = this.from.session.send(this.id, media, { signal: this.controller.signal }).then(() => 'sent', (error: unknown) => error);
  }

  private claim(): void {
    this.stream = this.to.session.receive(this.id, {
      write: (chunk) => {
        assert.ok(this.end === 'none' && !this.cancelled, 'a sink hears nothing after its end');
        this.got.push(Buffer.from(chunk));
        this.bytes += chunk.length;
        this.lying += chunk.length;
        assert.ok(this.lying <= WINDOW, `${this.lying} bytes lie in a window of ${WINDOW}`);
      },
      end: () => this.ends('end'),
      fail: (error) => this.ends(error),
    }, { size: this.plan.announced ? this.plan.size : undefined });
  }

  private ends(how: 'end' | XpmnError): void {
    assert.ok(this.end === 'none' && !this.cancelled, 'a sink ends once');
    this.end = how;
  }

  private use(count: number): void {
    const used = Math.min(count, this.lying);
    this.lying -= used;
    if (used > 0) this.stream?.consumed(used);
  }

  private meetFate(): void {
    if (this.plan.fate === 'sender-aborts') this.controller.abort(new XpmnError('not-running', 'Model.'));
    if (this.plan.fate !== 'receiver-cancels' || this.end !== 'none') return;
    this.cancelled = true;
    this.stream?.cancel();
    this.from.session.abortedByPeer(this.id);
  }

  async finish(): Promise<void> {
    for (let idle = 0; this.end === 'none' && !this.cancelled && idle < 2000; idle += 1) {
      this.use(this.lying);
      await settle(1);
    }
    const sent = await this.sent;
    const { fate, announced, size } = this.plan;
    assert.deepEqual(Buffer.concat(this.got), this.content.subarray(0, this.bytes), 'what came is a prefix of what was sent');
    if (this.cancelled) return;
    assert.notEqual(this.end, 'none', 'every stream ends');
    if (fate === 'whole') assert.deepEqual([sent, this.end, this.bytes], ['sent', 'end', size]);
    else if (sent === 'sent') assert.deepEqual([this.end, this.bytes], ['end', size]);
    else if (announced && this.bytes < size) assert.equal((this.end as XpmnError).code, 'truncated');
  }
}

describe('out-of-band streams on random schedules', () => {
  it('do what the model says', async function () {
    this.timeout(60_000);
    await fc.assert(fc.asyncProperty(
      fc.array(plan, { minLength: 1, maxLength: 8 }), fc.array(fc.nat(7), { maxLength: 60 }), fc.constantFrom(1000, 7, Infinity), fc.boolean(),
      async (plans, schedule, split, claimFirst) => {
        const small = { window: WINDOW, largestWindow: WINDOW, firstChunk: 2048, largestChunk: 8192, writeAhead: 4096 };
        const { initiator, responder } = await openPair({ pair: wiredPair({ split: split === 7 ? 997 : split }), initiator: small, responder: small });
        const models = plans.map((one, i) => new Model(one, i, initiator, responder));
        const turns = models.map(() => 0);
        for (const pick of [...schedule, ...models.keys(), ...models.keys(), ...models.keys(), ...models.keys()]) {
          const index = pick % models.length;
          models[index]?.turn(claimFirst ? 'claim-first' : 'send-first', turns[index] as number);
          turns[index] = (turns[index] as number) + 1;
          if (pick % 3 === 0) await settle(1);
        }
        await Promise.all(models.map((model) => model.finish()));
        await Promise.all([initiator.session.close({ signal: AbortSignal.timeout(5000) }), responder.session.close({ signal: AbortSignal.timeout(5000) })]);
        for (const end of [initiator, responder]) {
          assert.equal((end.session.closed.reason as XpmnError).code, 'aborted');
          assert.deepEqual([end.pool.usage.lent, end.pool.usage.streams, end.givenUp], [0, 0, []]);
        }
      },
    ), { numRuns: 60 });
  });
});
