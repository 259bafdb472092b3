/** One address of one interface that SSDP speaks on. */
export interface SsdpInterface {
  readonly name: string;
  readonly family: 4 | 6;
  /** Without scope id. */
  readonly address: string;
}

export interface SsdpDatagram {
  readonly data: Buffer;
  /** Of the sender; a link-local IPv6 address carries its scope id (`fe80::1%eth0`). */
  readonly address: string;
  readonly port: number;
}

export interface SsdpSocketEvents {
  datagram(datagram: SsdpDatagram): void;
  /** An interface can be used from now on, also at start: search there. */
  interfaceUp(on: SsdpInterface): void;
}

/**
 * SSDP's way to the network. Contract:
 * - `start` resolves when everything that could be opened is open; no network, or a taken port, is not an error.
 * - Interfaces are followed: new ones are opened and said by `interfaceUp`, those that went away are closed.
 * - `multicast` sends to every SSDP group of the interface, out of that interface, whatever the routes say. `build` is
 *   called once a group. It never rejects: what can't be sent is lost, as datagrams are.
 * - Multicast sent on this machine is heard, too: servers may run beside us. The same datagram may come more than once.
 * - After `close` nothing is open and no event follows. Idempotent.
 */
export interface SsdpSocket {
  start(events: SsdpSocketEvents): Promise<void>;
  interfaces(): readonly SsdpInterface[];
  multicast(on: SsdpInterface, build: (group: string, port: number) => Buffer): Promise<void>;
  close(): Promise<void>;
}
