import { factsFromPositionInfo, factsFromVariables } from '../mapping/av-transport.ts';
import type { TitleLimits } from '../mapping/av-transport.ts';
import { renderingFacts } from '../mapping/rendering-control.ts';
import type { RenderingFacts } from '../mapping/rendering-control.ts';
import type { TransportFacts } from '../mapping/transport-facts.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import type { Learnt } from './learnt.ts';
import { isMissingAction, upnpErrorOf } from './renderer-errors.ts';
import type { Requester } from './requester.ts';
import type { ServiceModel } from './scpd.ts';
import { callAction } from './soap.ts';
import type { SoapEndpoint } from './soap.ts';

export type RendererService = 'AVTransport' | 'RenderingControl';

/** Where a service of the device is, and what it says that it can. */
export interface ServicePlace {
  readonly endpoint: SoapEndpoint;
  readonly model: ServiceModel;
}

export interface RendererServicesDeps {
  readonly requester: Requester;
  readonly learnt: Learnt;
  /** Now; undefined where the device has no such service. @throws XpmnError `unreachable` while nobody knows */
  place(service: RendererService): ServicePlace | undefined;
}

export interface RendererServicesOptions {
  readonly soap: XmlLimits;
  readonly didl: TitleLimits;
}

export interface Answers {
  readonly transport: TransportFacts;
  readonly rendering: RenderingFacts;
}

interface Call {
  readonly signal: AbortSignal;
}

type Arguments = Readonly<Record<string, string | number>>;

/** The actions of a renderer: instance 0, channel Master. */
export class RendererServices {
  private readonly deps: RendererServicesDeps;
  private readonly options: RendererServicesOptions;

  constructor(deps: RendererServicesDeps, options: RendererServicesOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** Whether the device lists it, and has not shown that it is not there. */
  has(service: RendererService, action: string): boolean {
    return !this.deps.learnt.missing.has(action) && this.model(service)?.actions.has(action) === true;
  }

  model(service: RendererService): ServiceModel | undefined {
    return this.deps.place(service)?.model;
  }

  /** @throws XpmnError as callAction */
  async call(service: RendererService, action: string, args: Arguments, { signal, idempotent = false }: Call & { readonly idempotent?: boolean }): Promise<ReadonlyMap<string, string>> {
    const { requester, learnt, place } = this.deps;
    const endpoint = place(service)?.endpoint;
    if (!endpoint) throw new XpmnError('not-supported', `The player has no ${service}.`);
    try {
      return await callAction({ requester, limits: this.options.soap }, endpoint, { action, args: { InstanceID: 0, ...args }, idempotent }, { signal });
    } catch (error) {
      if (isMissingAction(error)) learnt.missing.add(action);
      throw error;
    }
  }

  /** How it is; what is refused is left out. @throws XpmnError if it can't be reached, or talks nonsense only */
  async ask({ media, rendering }: { readonly media: boolean; readonly rendering: boolean }, call: Call): Promise<Answers> {
    const { didl } = this.options;
    const transport = await this.get('AVTransport', 'GetTransportInfo', {}, call);
    const [place, set] = [await this.get('AVTransport', 'GetPositionInfo', {}, call), media ? await this.get('AVTransport', 'GetMediaInfo', {}, call) : undefined];
    const actions = media ? await this.get('AVTransport', 'GetCurrentTransportActions', {}, call) : undefined;
    const merged: TransportFacts = {
      ...(set ? factsFromVariables(set, didl) : {}), ...(place ? factsFromPositionInfo(place, didl) : {}),
      ...factsFromVariables(transport ?? new Map(), didl), ...(actions ? factsFromVariables(new Map([['CurrentTransportActions', actions.get('Actions') ?? '']]), didl) : {}),
    };
    return { transport: merged, rendering: rendering ? await this.rendering(call) : {} };
  }

  private async rendering(call: Call): Promise<RenderingFacts> {
    const volume = await this.get('RenderingControl', 'GetVolume', { Channel: 'Master' }, call);
    const mute = await this.get('RenderingControl', 'GetMute', { Channel: 'Master' }, call);
    return { ...renderingFacts(volume ?? new Map()), ...renderingFacts(mute ?? new Map()) };
  }

  /** COMPAT: one answer that can't be had is no reason to know nothing; GetTransportInfo alone is what a device must give. */
  private async get(service: RendererService, action: string, args: Arguments, call: Call): Promise<ReadonlyMap<string, string> | undefined> {
    if (!this.has(service, action)) return undefined;
    try {
      return await this.call(service, action, args, { ...call, idempotent: true });
    } catch (error) {
      call.signal.throwIfAborted();
      const isRefusal = upnpErrorOf(error) !== undefined || asXpmnError(error).family !== 'unreachable';
      if (isRefusal && (action !== 'GetTransportInfo' || upnpErrorOf(error) !== undefined)) return undefined;
      throw error;
    }
  }
}
