import type { Writable } from 'node:stream';
import { asXpmnError } from '../xpmn/kernel/errors.ts';
import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import { defaultConfig, loadConfig } from './config.ts';
import { ControlServer } from './control/server.ts';
import type { GatewayFactory, GatewayStatus } from './gateway-api.ts';
import { GatewayHolder } from './gateway-holder.ts';
import { createLogger } from './logger.ts';
import type { Setup } from './setup-api.ts';
import { openHome } from './storage/home.ts';
import type { HomePaths } from './storage/home.ts';

export interface DaemonDeps {
  readonly createGateway: GatewayFactory;
  readonly setup: Setup;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly stdout: Pick<Writable, 'write'>;
  readonly stderr: Pick<Writable, 'write'>;
  /** Ends the process, whatever it does. */
  readonly exit: (status: number) => void;
}

export interface DaemonOptions {
  readonly home: HomePaths;
  /** Settings; without one, those in the state directory, if there are any. */
  readonly configFile?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
}

/**
 * The gateway in the foreground: from the lock to the control socket, up to the abort of `signal`, and back down. After
 * `daemon.stopTimeout` the process is ended, even if something hangs.
 */
export async function runDaemon(deps: DaemonDeps, options: DaemonOptions, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  const { clock, random, version } = deps;
  // Until the user's settings are read, the shipped ones count: reading them may hang, too.
  let { stopTimeout } = defaultConfig().daemon;
  boundStop(deps, () => stopTimeout, signal);
  const config = await loadConfig(options.configFile ?? options.home.configFile, { mustExist: options.configFile !== undefined });
  ({ stopTimeout } = config.daemon);
  const format = options.logFormat ?? config.log.format;
  const log = createLogger(deps.stderr, { ...config.log, format, level: options.logLevel ?? config.log.level });
  const home = await openHome(options.home);
  const { storage } = home;
  const holder = new GatewayHolder({ storage, config, log, clock, random, version, quirksFolder: home.quirksFolder, createGateway: deps.createGateway, setup: deps.setup }, config.daemon);
  let control: ControlServer | undefined;
  try {
    const closing = onAbort(signal, () => holder.close());
    closing.catch(() => undefined);
    await holder.start();
    control = await ControlServer.open(home.controlSocket, { controlled: holder, log: log.child('control') }, config.control);
    const status = holder.gateway().status();
    if (format === 'json') log.info('ready', { jid: status.jid, version });
    else deps.stdout.write(welcome(status, home));
    await closing;
    log.info('stopping');
  } catch (error) {
    // Told to stop while starting: that is no failure.
    if (!signal.aborted) throw asXpmnError(error);
  } finally {
    await control?.close();
    await holder.close();
    await home.close();
  }
}

/** Runs `work` when the signal aborts; resolves when the work has ended. */
function onAbort(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  if (signal.aborted) return work();
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => void work().then(resolve, reject), { once: true });
  });
}

/** From the abort on, everything together has that long: also what was left open and keeps the process alive. */
function boundStop({ clock, exit }: DaemonDeps, stopTimeout: () => number, signal: AbortSignal): void {
  onAbort(signal, async () => void clock.after(stopTimeout(), () => exit(1))).catch(() => undefined);
}

function welcome({ version, jid, connection }: GatewayStatus, { directory }: HomePaths): string {
  const next = connection.state === 'local-only' ? '  xpmn init --jid you@example.org    reach it from elsewhere, over an XMPP account\n' : '';
  return `xpmn-gateway ${version} runs as ${jid}; its state is in ${directory}. Ctrl-C stops it.
In another terminal:
  xpmn devices                       what it found
  xpmn browse DEVICE                 what a device has
${next}  xpmn status                        how it is
In a checkout, the command is: npx xpmn
`;
}
