import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { resourceOf } from '../../xpmn/model/jid.ts';
import { parseMediaUri } from '../../xpmn/model/media-uri.ts';
import { findDevice, findLibrary, labelOf } from '../find-device.ts';
import type { Gateway } from '../gateway-api.ts';
import type { FindOptions, FoundNetwork, ImportOptions, InitOptions, JoinOptions, RestoreOptions, SetupResult } from '../setup-api.ts';
import { PLAYER_HANDLERS } from './player-handlers.ts';
import type { Input, OperationName, Output } from './operations.ts';
import { toldBy } from './refusal.ts';

/** What the operations work on: a daemon, whose gateway comes and goes when its state changes. */
export interface Controlled {
  /** @throws XpmnError `not-running` while there is none */
  gateway(): Gateway;
  /** While `signal` is not aborted; once the state is being written, it is too late for that. */
  init(options: InitOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupResult>;
  importCredentials(options: ImportOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupResult>;
  restore(options: RestoreOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupResult>;
  findNetworks(options: FindOptions, waiting: { readonly signal: AbortSignal }): Promise<FoundNetwork[]>;
  join(options: JoinOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupResult>;
  joinByButton(options: { readonly name?: string }, waiting: { readonly signal: AbortSignal }): Promise<SetupResult>;
}

export interface HandlerContext {
  readonly controlled: Controlled;
  /** Aborts when the caller has gone, or the server closes. */
  readonly signal: AbortSignal;
  /** Entries of the largest page. */
  readonly page: number;
}

export type Handler<N extends OperationName> = (input: Input<N>, context: HandlerContext) => Promise<Output<N>>;

/** How the operations are done. Their inputs have passed the schemas of the table. */
export const HANDLERS: { readonly [N in OperationName]: Handler<N> } = {
  status: async (_, { controlled }) => controlled.gateway().status(),

  devices: async (_, { controlled }) => ({ devices: controlled.gateway().devices() }),

  async browse({ device, container = 'root', offset = 0, limit }, { controlled, signal, page }) {
    const gateway = controlled.gateway();
    const found = findLibrary(device, gateway.devices());
    return gateway.browse(found.jid, container, { offset, limit: Math.min(limit ?? page, page), signal }).catch((error: unknown) => {
      const code = error instanceof XpmnError ? error.code : undefined;
      if (code === 'not-supported') throw new XpmnError(code, `${labelOf(found)} has no library: \`xpmn devices\` shows which devices have one (directory).`, { cause: error });
      if (code === 'not-found' && container !== 'root') throw new XpmnError(code, `${labelOf(found)} has no container "${container}": \`xpmn browse ${found.id}\` lists those at its top, with what names each at the end of its line.`, { cause: error });
      throw toldBy(found, error);
    });
  },

  ...PLAYER_HANDLERS,

  async url({ uri }, { controlled, signal }) {
    const gateway = controlled.gateway();
    const reference = parseMediaUri(uri);
    const name = gateway.devices().find(({ jid }) => jid === reference.device)?.name ?? resourceOf(reference.device);
    return gateway.url(reference, { signal }).catch((error: unknown) => Promise.reject(toldBy({ name }, error)));
  },

  async 'export-credentials'({ name, password }, { controlled, signal }) {
    const { file, jid } = await controlled.gateway().exportCredentials({ name, password, signal });
    return { file: file.toString('base64'), jid };
  },

  'import-credentials': async ({ file, ...rest }, { controlled, signal }) => controlled.importCredentials({ file: fromBase64(file), ...rest }, { signal }),

  async backup({ password }, { controlled }) {
    const { file, needsPassword } = await controlled.gateway().exportBackup({ password });
    return { file: file.toString('base64'), needsPassword };
  },

  restore: async ({ file, ...rest }, { controlled, signal }) => controlled.restore({ file: fromBase64(file), ...rest }, { signal }),

  init: async (input, { controlled, signal }) => controlled.init(input, { signal }),

  async remove({ device }, { controlled }) {
    const gateway = controlled.gateway();
    const { jid } = findDevice(device, [...gateway.devices(), ...gateway.unlisted()]);
    return { jid, ...(await gateway.removeDevice(jid)) };
  },

  async keep({ device }, { controlled }) {
    const gateway = controlled.gateway();
    const { jid } = findDevice(device, gateway.unlisted());
    await gateway.keepDevice(jid);
    return { jid };
  },

  async 'key-lock'({ password }, { controlled }) {
    const gateway = controlled.gateway();
    await gateway.userKey.lock(password);
    return { userKey: gateway.status().userKey };
  },

  async 'key-unlock'({ password }, { controlled }) {
    const gateway = controlled.gateway();
    const issued = await gateway.userKey.unlock(password);
    return { userKey: gateway.status().userKey, issued };
  },

  async 'key-password'({ current, password }, { controlled }) {
    const gateway = controlled.gateway();
    if (password !== undefined) await gateway.userKey.changePassword({ current, next: password });
    else await gateway.userKey.removePassword(current ?? '');
    return { userKey: gateway.status().userKey };
  },

  async 'key-hand-over'({ device }, { controlled }) {
    const gateway = controlled.gateway();
    const { jid } = findDevice(device, gateway.devices());
    await gateway.userKey.handOver(jid);
    return { jid };
  },

  'pair-open': async ({ pin }, { controlled }) => controlled.gateway().pairing.open(pin),
  'pair-wait': async ({ after }, { controlled, signal }) => controlled.gateway().pairing.wait(after, signal),
  'pair-close': async (_, { controlled }) => controlled.gateway().pairing.close(),
  networks: async (input, { controlled, signal }) => ({ networks: await controlled.findNetworks(input, { signal }) }),
  join: async (input, { controlled, signal }) => controlled.join(input, { signal }),
  'button-press': async (_, { controlled }) => controlled.gateway().button.press(),
  'button-wait': async ({ after }, { controlled, signal }) => controlled.gateway().button.wait(after, signal),
  'button-close': async (_, { controlled }) => controlled.gateway().button.close(),
  'button-join': async (input, { controlled, signal }) => controlled.joinByButton(input, { signal }),
};

function fromBase64(text: string): Buffer {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new XpmnError('bad-request', 'The file is not base64.');
  return Buffer.from(text, 'base64');
}
