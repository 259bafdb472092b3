import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, readdir, readlink } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { bareJid, parseJid } from '../../src/xpmn/model/jid.ts';
import type { SecuredStream } from '../../src/xpmn/ports/security.ts';
import { isSrpAvailable } from '../../src/xpmn/jingle/security/srp/srp-available.ts';
import { waitUntil } from '../peers/wait.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';
import { RecordedPin, identities, noSrpProcesses, srpContext, srpParty, srpProcesses } from '../support/srp-parties.ts';
import type { SrpParty } from '../support/srp-parties.ts';
import { PIN, juliet, pumpEnd, romeo } from '../support/srp-rig.ts';
import { duplexWire } from '../support/wire.ts';
import type { Tap } from './security.suite.ts';

type Result = { readonly stream: SecuredStream } | { readonly error: XpmnError };

async function result(promise: Promise<SecuredStream>, raw: Duplex): Promise<Result> {
  try {
    return { stream: await promise };
  } catch (error) {
    assert.ok(error instanceof XpmnError, `a coded error, not ${String(error)}`);
    assert.ok(raw.destroyed, 'the raw stream is destroyed before the rejection is seen');
    return { error };
  }
}

async function run(romeos: SrpParty, juliets: SrpParty, tap?: Tap): Promise<[Result, Result]> {
  const [up, down] = duplexWire(tap);
  return Promise.all([
    result(romeos.method.secure(up, srpContext('initiator')), up),
    result(juliets.method.secure(down, srpContext('responder')), down),
  ]);
}

function streamOf(one: Result): SecuredStream {
  assert.ok('stream' in one, 'error' in one ? one.error.message : '');
  return one.stream;
}

function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => (stream.closed ? resolve() : stream.once('close', () => resolve())));
}

function codeOf(one: Result): string | undefined {
  return 'error' in one ? one.error.code : undefined;
}

describe('security: srp, by PIN', function () {
  this.timeout(30_000);
  afterEach(noSrpProcesses);

  it('opens with the right PIN: burnt before it was proven, on both sides', async () => {
    const [ours, theirs] = [srpParty(), srpParty()];
    const [a, b] = (await run(ours, theirs)).map(streamOf) as [SecuredStream, SecuredStream];
    assert.deepEqual(ours.pin.events, [`begin ${juliet}`, 'burn', 'done true']);
    assert.deepEqual(theirs.pin.events, [`begin ${romeo}`, 'burn', 'done true']);
    assert.deepEqual([a.peer, b.peer, a.method, b.method], [identities[juliet], identities[romeo], 'srp', 'srp']);
    assert.equal(ours.proofs.length, 1);
    assert.equal(ours.proofs[0]?.context.peer, juliet);
    assert.deepEqual(ours.proofs[0]?.exporter('EXPORTER-x', 32), b.exporter('EXPORTER-x', 32));
    assert.equal((await srpProcesses()).length, 2);
    b.stream.on('end', () => assert.fail('an end that nobody said'));
    a.stream.destroy();
    await closed(b.stream.resume());
  });

  it('refuses a wrong PIN on both sides, and says so once', async () => {
    const [ours, theirs] = [srpParty({ pin: new RecordedPin('493022') }), srpParty()];
    assert.deepEqual((await run(ours, theirs)).map(codeOf), ['security-failed', 'security-failed']);
    assert.deepEqual(ours.pin.events.slice(1), ['burn', 'done false']);
    assert.deepEqual(theirs.pin.events.slice(1), ['burn', 'done false']);
    assert.deepEqual([ours.proofs, theirs.proofs], [[], []]);
  });

  it('looks without a pairing window like a wrong PIN', async () => {
    const reasons: unknown[] = [];
    for (const pin of ['000000', undefined]) {
      const [up, down] = duplexWire();
      const client = pumpEnd('initiator', up);
      const theirs = srpParty({ pin: new RecordedPin(pin) });
      assert.equal(codeOf(await result(theirs.method.secure(down, srpContext('responder')), down)), 'security-failed');
      reasons.push([(await client.failed).message, client.events]);
      assert.deepEqual(theirs.pin.events, [`begin ${romeo}`, ...(pin === undefined ? [] : ['burn', 'done false'])]);
    }
    assert.deepEqual(reasons[1], reasons[0]);
  });

  it('never opens without a pairing window, whatever the peer knows', async () => {
    const [ours, theirs] = [srpParty({ pin: new RecordedPin(undefined) }), srpParty({ pin: new RecordedPin(undefined) })];
    assert.deepEqual((await run(ours, theirs)).map(codeOf), ['security-failed', 'security-failed']);
  });

  it('never opens without a pairing window, though the peer knew what was drawn instead of a PIN', async () => {
    const drawn = Buffer.alloc(16, 7);
    const theirs = srpParty({ pin: new RecordedPin(undefined), random: { bytes: (count) => Buffer.from(drawn.subarray(0, count)), fraction: () => 0 } });
    const [up, down] = duplexWire();
    const client = pumpEnd('initiator', up, { pin: drawn.toString('hex') });
    assert.equal(codeOf(await result(theirs.method.secure(down, srpContext('responder')), down)), 'security-failed');
    await client.failed;
    assert.deepEqual([client.events, theirs.proofs], [['burn', 'cut'], []]);
  });

  for (const [name, opens] of [[romeo, true], [bareJid(romeo), true], [juliet, false], [`${romeo}2`, false], ['', false]] as const) {
    it(`${opens ? 'knows' : 'does not know'} the user ${name === '' ? 'without a name' : name}`, async () => {
      const [up, down] = duplexWire();
      const client = name === '' ? undefined : pumpEnd('initiator', up, { names: [name] });
      if (!client) up.end();
      const theirs = srpParty();
      const got = await result(theirs.method.secure(down, srpContext('responder')), down);
      if (opens) streamOf(got).stream.destroy();
      else assert.equal(codeOf(got), 'security-failed');
      assert.deepEqual(theirs.pin.events.slice(1), name === '' ? ['done false'] : ['burn', `done ${opens}`]);
    });
  }

  it('sends its full JID as user name', async () => {
    const [up, down] = duplexWire();
    const server = pumpEnd('responder', down, { names: [romeo] });
    const stream = streamOf(await result(srpParty().method.secure(up, srpContext('initiator')), up));
    await server.established;
    stream.stream.destroy();
  });

  it('fails at once with a JID that is too long for a user name', async () => {
    const [near] = duplexWire();
    const local = parseJid(`${'r'.repeat(200)}@${'m'.repeat(50)}.test/phone`);
    const party = srpParty({ clock: new FakeClock() });
    assert.equal(codeOf(await result(party.method.secure(near, srpContext('initiator', { local })), near)), 'security-failed');
    assert.deepEqual(party.pin.events.slice(1), ['done false']);
  });

  for (const role of ['initiator', 'responder'] as const) {
    it(`ends with the storage's own code when the attempt can't be counted, and proves nothing (${role})`, async () => {
      const [near, far] = duplexWire();
      const full = new RecordedPin(PIN, () => Promise.reject(new XpmnError('storage-failed', 'The disk is full.')));
      const party = srpParty({ pin: full });
      const other = pumpEnd(role === 'initiator' ? 'responder' : 'initiator', far);
      assert.equal(codeOf(await result(party.method.secure(near, srpContext(role)), near)), 'storage-failed');
      assert.deepEqual(full.events.slice(1), ['burn', 'done false']);
      await other.failed;
      assert.ok(!other.events.includes('established'));
    });

    it(`shows nothing to a peer that it does not want after all (${role})`, async () => {
      const [near, far] = duplexWire();
      const party = srpParty({ identify: () => Promise.reject(new XpmnError('not-trusted', 'Nobody.')) });
      const other = pumpEnd(role === 'initiator' ? 'responder' : 'initiator', far);
      other.application.on('data', () => assert.fail('a byte came'));
      assert.equal(codeOf(await result(party.method.secure(near, srpContext(role)), near)), 'not-trusted');
      assert.deepEqual(party.pin.events.slice(1), ['burn', 'done true']);
      await other.failed;
    });

    it(`leaves no process when it is aborted (${role})`, async () => {
      const [near] = duplexWire();
      const abort = new AbortController();
      const party = srpParty();
      const waiting = result(party.method.secure(near, srpContext(role, { signal: abort.signal })), near);
      await waitUntil('the process runs', async () => (await srpProcesses()).length === 1);
      abort.abort(new XpmnError('aborted', 'Enough.'));
      assert.equal(codeOf(await waiting), 'aborted');
      assert.deepEqual(party.pin.events.slice(1), ['done false']);
    });

    it(`starts nothing when it was aborted before (${role})`, async () => {
      const [near] = duplexWire();
      const party = srpParty();
      const signal = AbortSignal.abort(new XpmnError('aborted', 'Before.'));
      assert.equal(codeOf(await result(party.method.secure(near, srpContext(role, { signal })), near)), 'aborted');
      assert.deepEqual([party.pin.events, await srpProcesses()], [[], []]);
    });

    it(`leaves no process when the time is up (${role})`, async () => {
      const [near] = duplexWire();
      const clock = new FakeClock();
      const waiting = result(srpParty({ clock }).method.secure(near, srpContext(role)), near);
      await clock.advance(settings.srp.handshakeTimeout);
      assert.equal(codeOf(await waiting), 'timeout');
      assert.equal(clock.pending, 0);
    });

    it(`lives on when its process dies in the handshake (${role})`, async () => {
      const [near] = duplexWire();
      const waiting = result(srpParty().method.secure(near, srpContext(role)), near);
      const pid = await waitUntil('the process runs', async () => (await srpProcesses())[0]);
      process.kill(pid, 'SIGSEGV');
      assert.equal(codeOf(await waiting), 'security-failed');
    });

    it(`fails the stream when its process dies (${role})`, async () => {
      const [near, far] = duplexWire();
      pumpEnd(role === 'initiator' ? 'responder' : 'initiator', far);
      const { stream } = streamOf(await result(srpParty().method.secure(near, srpContext(role)), near));
      const [pid] = await srpProcesses();
      const failed = once(stream, 'error');
      process.kill(pid as number, 'SIGKILL');
      assert.equal(((await failed)[0] as XpmnError).code, 'security-failed');
      await closed(stream);
      assert.ok(near.destroyed);
    });
  }

  it('still sends what was written before the peer ended, and then closes', async () => {
    const [near, far] = duplexWire();
    // As sockets are that were given to TLS before: the peer's end must not be ours.
    near.allowHalfOpen = false;
    const peer = pumpEnd('responder', far);
    const { stream } = streamOf(await result(srpParty().method.secure(near, srpContext('initiator')), near));
    const ended = once(stream.resume(), 'end');
    // More than all buffers on the way hold.
    const sent = Buffer.alloc(3_000_000, 7);
    stream.write(sent);
    peer.application.end();
    await ended;
    let got = 0;
    for await (const chunk of peer.application as AsyncIterable<Buffer>) got += chunk.length;
    assert.equal(got, sent.length);
    await closed(stream);
    assert.deepEqual(peer.events, ['burn', 'established', 'closed']);
  });

  for (const direction of ['up', 'down'] as const) {
    for (const flight of [0, 1]) {
      it(`ends on both sides when the line is cut at flight ${flight + 1} ${direction}`, async () => {
        const [ours, theirs] = [srpParty(), srpParty()];
        // The last flight: a client that gets no answer has proven itself all the same.
        const [a, b] = await run(ours, theirs, (from, chunk, count) => (from === direction && count >= flight ? 'cut' : chunk));
        assert.equal(codeOf(a), 'security-failed');
        if (direction === 'up' || flight === 0) assert.equal(codeOf(b), 'security-failed');
        else if ('stream' in b) await closed(b.stream.stream.resume());
        for (const { pin } of [ours, theirs]) assert.equal(pin.events.filter((event) => event.startsWith('done')).length, 1);
        if (flight === 0) assert.ok(![...ours.pin.events, ...theirs.pin.events].includes('burn'), 'nothing could be tested yet');
      });
    }
  }

  it('runs no more processes at a time than it may', async () => {
    const party = srpParty({ options: { runs: 1 } });
    const [[first], [second]] = [duplexWire(), duplexWire()];
    const abort = new AbortController();
    const waiting = result(party.method.secure(first, srpContext('responder', { signal: abort.signal })), first);
    assert.equal(codeOf(await result(party.method.secure(second, srpContext('responder')), second)), 'resource-limit');
    abort.abort(new XpmnError('aborted', 'Enough.'));
    await waiting;
    await noSrpProcesses();
    const [third, far] = duplexWire();
    far.end();
    assert.equal(codeOf(await result(party.method.secure(third, srpContext('responder')), third)), 'security-failed');
  });

  it('gives its process no environment, no file, and no secret to be seen from outside', async () => {
    const holding = await readFile(new URL(import.meta.url));
    assert.ok(holding.length > 0);
    const [up, down] = duplexWire();
    const stream = srpParty().method.secure(down, srpContext('responder'));
    pumpEnd('initiator', up);
    const secured = await stream;
    const [pid] = await srpProcesses();
    assert.equal(await readFile(`/proc/${pid}/environ`, 'utf8'), '');
    assert.ok(!(await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(PIN));
    const open = await Promise.all((await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`)));
    // What Node itself needs: event loop, signals, threads; and the four streams.
    assert.deepEqual(open.filter((target) => !/^(anon_inode|pipe|socket):|^\/dev\/null$/.test(target)), []);
    assert.equal(open.filter((target) => target.startsWith('socket:')).length, 4);
    secured.stream.destroy();
  });

  it('knows whether it can be had here', async () => {
    const { signal } = new AbortController();
    assert.equal(await isSrpAvailable({ clock: systemClock, signal }, settings.srp), true);
    assert.equal(await isSrpAvailable({ clock: systemClock, signal }, { ...settings.srp, heapMegabytes: 1 }), false);
    await assert.rejects(isSrpAvailable({ clock: systemClock, signal }, { ...settings.srp, startTimeout: 1 }), (error: XpmnError) => error.code === 'timeout');
  });
});
