import { EventEmitter } from 'node:events';
import type { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ControlName, ControlVariable, PlaybackStatus, PlayingItem, SeekTarget } from '../../src/xpmn/model/playback.ts';
import type { Picture } from '../../src/xpmn/model/picture.ts';
import type { OpenRequest, OpenedList, PlaybackCall, PlaybackControl, PlaybackEvents } from '../../src/xpmn/ports/playback-control.ts';

const IDLE: PlaybackStatus = {
  state: 'idle', position: undefined, duration: undefined, speed: 1, index: undefined, count: undefined, session: undefined, uri: undefined,
  controller: undefined, seekable: false, pausable: false, error: undefined,
};

export function playingItem(title: string, uri: string | undefined = `http://away.test/${title}`): PlayingItem {
  return { item: { kind: 'item', id: title, parent: undefined, title, type: 'audio', uid: undefined, duration: 100 }, uri };
}

/** Not a player, but what a test says of one: it notes what it is told, keeps to no order, and has no list but what the test makes up. */
export class ScriptedPlayback extends EventEmitter<PlaybackEvents> implements PlaybackControl {
  status = IDLE;
  item: PlayingItem | undefined;
  variables: readonly ControlVariable[] = [{ name: 'volume', value: 40 }, { name: 'mute', value: false }];
  controls: readonly ControlName[] = ['volume', 'mute'];
  /** What its items name. */
  readonly pictures = new Map<string, Picture>();
  /** What was asked of it, by whom. */
  readonly calls: string[] = [];
  /** What the next command fails with. */
  failure: XpmnError | undefined;
  /** Items in a list that is opened. */
  items = (uris: readonly string[]): PlayingItem[] => uris.map((uri, i) => playingItem(`Track ${i}`, uri));

  async open({ uris, autoplay, position }: OpenRequest, call: PlaybackCall): Promise<OpenedList> {
    await this.take(`open ${uris.length} ${autoplay} ${position}`, call);
    const items = this.items(uris);
    const status = { ...IDLE, state: autoplay ? 'playing' : 'opened', position: position ?? 0, duration: 100, index: 0, count: items.length, session: 's1', uri: uris[0], controller: call.by, seekable: true, pausable: true } as const;
    this.say(status);
    this.show(items[0]);
    return { session: 's1', seekable: true, pausable: true, items };
  }

  picture = (uri: string): Picture | undefined => this.pictures.get(uri);
  play = (call: PlaybackCall): Promise<void> => this.become('play', 'playing', call);
  pause = (call: PlaybackCall): Promise<void> => this.become('pause', 'paused', call);
  stop = (call: PlaybackCall): Promise<void> => this.become('stop', 'stopped', call);
  next = (call: PlaybackCall): Promise<void> => this.take('next', call);
  previous = (call: PlaybackCall): Promise<void> => this.take('previous', call);
  jump = (index: number, call: PlaybackCall): Promise<void> => this.take(`jump ${index}`, call);
  seek = (target: SeekTarget, call: PlaybackCall): Promise<void> => this.take(`seek ${JSON.stringify(target)}`, call);

  async close(call: PlaybackCall): Promise<void> {
    await this.take('close', call);
    this.say(IDLE);
    this.show(undefined);
  }

  async setVariables(variables: readonly ControlVariable[], call: PlaybackCall): Promise<void> {
    await this.take(`set ${variables.map(({ name, value }) => `${name}=${value}`).join()}`, call);
    this.variables = this.variables.map((old) => variables.find(({ name }) => name === old.name) ?? old);
    for (const variable of variables) this.emit('variable', variable);
  }

  /** It is so now, by whomever. */
  say(status: Partial<PlaybackStatus>): void {
    this.status = { ...this.status, ...status };
    this.emit('status', this.status);
  }

  show(item: PlayingItem | undefined): void {
    this.item = item;
    this.emit('item', item);
  }

  private async become(name: string, state: PlaybackStatus['state'], call: PlaybackCall): Promise<void> {
    await this.take(name, call);
    this.say({ state });
  }

  private async take(what: string, { by }: PlaybackCall): Promise<void> {
    this.calls.push(`${what} by ${by}`);
    await Promise.resolve();
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure;
  }
}
