import assert from 'node:assert/strict';
import { createLan } from '../peers/lan.ts';
import type { Host, Lan } from '../peers/lan.ts';
import { createNetwork } from '../peers/network.ts';
import type { Network } from '../peers/network.ts';
import { run, startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';

const GROUP = '239.255.255.250';

const SERVER = `import { createServer } from 'node:net';
  const [host, port] = process.argv.slice(1);
  createServer((socket) => socket.end(socket.remoteAddress)).listen(Number(port), host, () => console.log('ready'));`;

/** Prints what the server says, or `no` and why. */
const CLIENT = `import { connect } from 'node:net';
  const [host, port, bound] = process.argv.slice(1);
  const socket = connect(Number(port), host);
  socket.setTimeout(Number(bound), () => socket.destroy(new Error('silence')));
  socket.on('error', (error) => { console.log('no', error.code ?? error.message); process.exit(); });
  socket.on('data', (chunk) => console.log(String(chunk)));`;

const LISTENER = `import { createSocket } from 'node:dgram';
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.bind(1900, () => { socket.addMembership(process.argv[1], process.argv[2]); console.log('ready'); });
  socket.on('message', (message) => console.log(String(message)));`;

const SENDER = `import { createSocket } from 'node:dgram';
  const socket = createSocket('udp4');
  socket.send(process.argv[2], 1900, process.argv[1], () => socket.close());`;

const node = (script: string, ...args: string[]) => [process.execPath, '--input-type=module', '-e', script, ...args];

async function tcp(network: Pick<Lan, 'exec'>, from: Host, to: Host, address = to.address, bound = 5_000): Promise<string> {
  const listen = address.includes(':') ? '::' : '0.0.0.0';
  const server = await startProcess('server', node(SERVER, listen, '7000'), { netns: to.ns });
  try {
    await server.said(/ready/);
    return (await network.exec(from, node(CLIENT, address, '7000', String(bound)))).trim();
  } finally {
    await server.stop();
  }
}

/** Whether each of `far` hears what `sender` says to the group, once all `near` have heard it. */
async function heard(network: Pick<Lan, 'exec'>, sender: Host, { near, far = [] }: { readonly near: readonly Host[]; readonly far?: readonly Host[] }): Promise<boolean[]> {
  const start = ({ ns, address }: Host): Promise<ManagedProcess> => startProcess('listener', node(LISTENER, GROUP, address), { netns: ns });
  const [nearby, others] = await Promise.all([Promise.all(near.map(start)), Promise.all(far.map(start))]);
  const all = [...nearby, ...others];
  try {
    await Promise.all(all.map((one) => one.said(/ready/)));
    await network.exec(sender, node(SENDER, GROUP, 'hello all'));
    await Promise.all(nearby.map((one) => one.said(/hello all/)));
    return others.map((one) => one.output().includes('hello all'));
  } finally {
    await Promise.all(all.map((one) => one.stop()));
  }
}

describe('two homes and an internet', function () {
  this.timeout(60_000);
  let network: Network;

  before(async () => {
    network = await createNetwork({ homes: ['a', 'b'], hosts: 2 });
  });

  after(() => network?.close());

  const host = (home: string, index = 0) => network.home(home).hosts[index] as Host;

  it('lets a home reach the XMPP host, which sees the router only', async () => {
    assert.equal(await tcp(network, host('a'), network.xmpp), network.home('a').router.wan);
    assert.equal(await tcp(network, host('b'), network.xmpp), network.home('b').router.wan);
  });

  it('knows the XMPP host by its domain, without DNS', async () => {
    assert.match(await network.exec(host('a'), ['getent', 'hosts', 'home.test']), new RegExp(network.xmpp.address.replaceAll('.', '\\.')));
  });

  it('lets nobody into a home from outside', async () => {
    assert.match(await tcp(network, host('b'), host('a'), host('a').address, 1_000), /^no/);
    assert.match(await tcp(network, network.out, host('a'), host('a').address, 1_000), /^no/);
    assert.match(await tcp(network, network.out, network.home('a').router, network.home('a').router.wan, 1_000), /^no/);
  });

  it('connects the hosts of a home, by IPv4 and IPv6', async () => {
    assert.equal(await tcp(network, host('a', 0), host('a', 1)), host('a', 0).address);
    assert.equal(await tcp(network, host('a', 0), host('a', 1), host('a', 1).address6), host('a', 0).address6);
  });

  it('carries multicast inside a home and never across', async () => {
    const others = [host('b'), network.out, network.xmpp, network.home('b').router];
    assert.deepEqual(await heard(network, host('a', 0), { near: [network.home('a').router, host('a', 1)], far: others }), [false, false, false, false]);
  });

  it('delays a line and takes the delay away', async () => {
    const timed = async () => {
      const start = performance.now();
      await tcp(network, host('a'), network.xmpp);
      return performance.now() - start;
    };
    await network.delay('a', 400);
    // a connection and an answer are two round trips: never faster than the line
    assert.ok((await timed()) >= 780);
    await network.delay('a', 0);
    assert.equal(await tcp(network, host('a'), network.xmpp), network.home('a').router.wan);
  });

  it('cuts a line and mends it', async () => {
    await network.cut('b');
    assert.match(await tcp(network, host('b'), network.xmpp, network.xmpp.address, 1_000), /^no/);
    await network.mend('b');
    assert.equal(await tcp(network, host('b'), network.xmpp), network.home('b').router.wan);
  });
});

describe('a LAN', function () {
  this.timeout(30_000);

  it('has hosts that hear each other, and leaves nothing behind', async () => {
    const lan = await createLan({ hosts: 3 });
    const [a, b, c] = lan.hosts as [Host, Host, Host];
    try {
      assert.equal(await tcp(lan, a, b), a.address);
      await heard(lan, a, { near: [b, c] });
      await startProcess('forgotten', ['sleep', '100'], { netns: a.ns });
    } finally {
      await lan.close();
    }
    assert.ok(!(await run(['ip', 'netns', 'list'])).includes(a.ns));
  });

  it('removes what a crashed run left', async () => {
    const script = `import('${new URL('../peers/lan.ts', import.meta.url).href}').then(async ({ createLan }) => {
      const lan = await createLan({ hosts: 1 });
      console.log('made ' + lan.hosts[0].ns);
      setInterval(() => {}, 1000);
    })`;
    const crashed = await startProcess('crashed', [process.execPath, '--import', 'tsx', '-e', script]);
    const [, left = ''] = await crashed.said(/made (\S+)/);
    crashed.kill('SIGKILL');
    await crashed.stop();
    const lan = await createLan({ hosts: 1 });
    try {
      const now = await run(['ip', 'netns', 'list']);
      assert.ok(!now.includes(left));
      assert.ok(now.includes(lan.hosts[0]?.ns ?? '?'));
    } finally {
      await lan.close();
    }
  });
});
