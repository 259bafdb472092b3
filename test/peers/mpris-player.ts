import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';
import { waitUntil } from './wait.ts';

/** A real media player without a display, on a bus; it plays into nothing, in real time. */
export interface RealPlayer {
  readonly process: ManagedProcess;
  /** The well-known name that it takes. */
  readonly name: string;
  /** What somebody does with playerctl, e.g. `pause` or `volume 0.3`. */
  playerctl(...words: string[]): Promise<string>;
  /** Ends it (`crash`: by KILL), and starts it again under the same name. */
  restart(options?: { readonly crash?: boolean }): Promise<void>;
  launch(): Promise<void>;
  /** Ends it and removes its state. Idempotent. */
  stop(): Promise<void>;
}

export interface PlayerKind {
  readonly program: string;
  readonly name: string;
  readonly argv: readonly string[];
  /** Id of the user that it runs as; it must not be root for some. */
  readonly user?: { readonly name: string; readonly uid: number };
  /** Files in its home, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Where it runs; in this process's own network by default. */
export interface PlayerPlace {
  readonly netns?: string | undefined;
  /** More words on its command line. */
  readonly words?: readonly string[];
}

/** @param bus address of a message bus where its user is let in */
export async function startPlayer(kind: PlayerKind, bus: string, place: PlayerPlace = {}): Promise<RealPlayer> {
  const home = await mkdtemp(join(tmpdir(), `xpmn-${kind.program}-`));
  const player = new HomedPlayer(kind, bus, home, place);
  try {
    await player.prepare();
    await player.launch();
    return player;
  } catch (error) {
    await player.stop();
    throw error;
  }
}

class HomedPlayer implements RealPlayer {
  process!: ManagedProcess;
  readonly name: string;
  private readonly kind: PlayerKind;
  private readonly bus: string;
  private readonly home: string;
  private readonly place: PlayerPlace;

  constructor(kind: PlayerKind, bus: string, home: string, place: PlayerPlace) {
    [this.kind, this.bus, this.home, this.place, this.name] = [kind, bus, home, place, kind.name];
  }

  async prepare(): Promise<void> {
    const { user, files = {} } = this.kind;
    await mkdir(join(this.home, 'run'), { mode: 0o700 });
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.home, name), text);
    if (!user || process.getuid?.() !== 0) return;
    for (const path of ['', 'run', ...Object.keys(files)]) await chown(join(this.home, path), user.uid, user.uid);
  }

  async launch(): Promise<void> {
    const { program, argv, user } = this.kind;
    this.process = await startProcess(program, [...argv, ...(this.place.words ?? [])], { env: this.env(), user: user?.name, cwd: this.home, netns: this.place.netns });
    const names = ['dbus-send', `--bus=${this.bus}`, '--print-reply', '--dest=org.freedesktop.DBus', '/', 'org.freedesktop.DBus.ListNames'];
    await waitUntil(`${program} is on the bus`, async () => (await run(names)).includes(`"${this.name}"`)).catch((cause: unknown) => {
      throw new Error(`${program}: ${this.process.output().slice(-2_000)}`, { cause });
    });
  }

  playerctl(...words: string[]): Promise<string> {
    return run(['playerctl', `--player=${this.kind.program}`, ...words], { env: this.env() });
  }

  async restart({ crash = false }: { readonly crash?: boolean } = {}): Promise<void> {
    if (crash) this.process.kill('SIGKILL');
    await this.process.stop();
    await this.launch();
  }

  async stop(): Promise<void> {
    await this.process?.stop();
    await rm(this.home, { recursive: true, force: true });
  }

  private env(): NodeJS.ProcessEnv {
    const { home } = this;
    const { DISPLAY: _, WAYLAND_DISPLAY: __, ...rest } = process.env;
    return {
      ...rest, HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), XDG_CONFIG_HOME: join(home, '.config'), XDG_CACHE_HOME: join(home, '.cache'),
      XDG_DATA_HOME: join(home, '.local'), DBUS_SESSION_BUS_ADDRESS: this.bus, LANG: 'C.UTF-8', GSETTINGS_BACKEND: 'memory',
    };
  }
}
