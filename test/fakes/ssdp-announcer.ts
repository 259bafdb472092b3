import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { SSDP_IPV4, parseSsdp } from '../../src/upnp/ssdp.ts';

/** What devices do wrong when they show themselves; may be changed while it runs. */
export interface SsdpDefects {
  lineFeedOnly?: boolean;
  oddHeaders?: boolean;
  deafToSearch?: boolean;
}

export type SsdpNews = 'ssdp:alive' | 'ssdp:byebye';

export interface Announced {
  /** A port of the test's choice instead of 1900. */
  readonly port: number;
  readonly udn: string;
  readonly type: string;
  location(): string;
  readonly defects?: SsdpDefects;
}

/** Shows one device on loopback by real SSDP, and answers searches for it. */
export class SsdpAnnouncer {
  private readonly announced: Announced;
  private socket: Socket | undefined;

  constructor(announced: Announced) {
    this.announced = announced;
  }

  /** Answers from now on; says nothing by itself. */
  async start(): Promise<void> {
    this.socket = createSocket({ type: 'udp4', reuseAddr: true });
    this.socket.on('message', (data, from) => this.searched(data, from.port, from.address));
    this.socket.bind({ address: SSDP_IPV4, port: this.announced.port, exclusive: true });
    await once(this.socket, 'listening');
    this.socket.addMembership(SSDP_IPV4, '127.0.0.1');
  }

  /** Without a word. */
  close(): void {
    this.socket?.close();
  }

  async announce(nts: SsdpNews): Promise<void> {
    const { port, udn, type, location } = this.announced;
    const about = nts === 'ssdp:alive' ? [`LOCATION: ${location()}`, 'CACHE-CONTROL: max-age = 1800'] : [];
    const odd = this.defects.oddHeaders === true ? ['no header at all', `nt: urn:something:else:1`, 'Usn : uuid:other'] : [];
    for (const target of ['upnp:rootdevice', udn, type]) {
      const usn = target === udn ? udn : `${udn}::${target}`;
      await this.send(['NOTIFY * HTTP/1.1', `HOST: ${SSDP_IPV4}:${port}`, `Nt: ${target}`, `NTS: ${nts}`, `USN: ${usn}`, ...about, ...odd]);
    }
  }

  /** A datagram of the test's own making, from the device's address. */
  async send(lines: readonly string[], port = this.announced.port, address = SSDP_IPV4): Promise<void> {
    const end = this.defects.lineFeedOnly === true ? '\n' : '\r\n';
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.setMulticastInterface('127.0.0.1');
    await new Promise<void>((resolve) => socket.send(lines.join(end) + end + end, port, address, () => resolve()));
    socket.close();
  }

  private get defects(): SsdpDefects {
    return this.announced.defects ?? {};
  }

  private searched(data: Buffer, port: number, address: string): void {
    const { udn, type, location } = this.announced;
    const message = parseSsdp(data, { datagramBytes: 8192, headers: 64 });
    const target = message?.headers.get('st');
    if (message?.kind !== 'search' || this.defects.deafToSearch === true) return;
    if (target !== type && target !== udn && target !== 'ssdp:all') return;
    const usn = target === udn ? udn : `${udn}::${type}`;
    void this.send(['HTTP/1.1 200 OK', 'EXT:', 'CACHE-CONTROL: max-age=1800', `LOCATION: ${location()}`, `ST: ${target}`, `USN: ${usn}`], port, address);
  }
}
