import { parseDidl } from '../mapping/didl.ts';
import type { DidlLimits, DidlObject } from '../mapping/didl.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import type { Requester } from './requester.ts';
import { callAction } from './soap.ts';
import type { SoapEndpoint } from './soap.ts';

export interface ContentDirectoryOptions {
  readonly soap: XmlLimits;
  readonly didl: DidlLimits;
  /** Objects asked for in one Browse. */
  readonly pageSize: number;
}

export interface ContentDirectoryDeps {
  readonly requester: Requester;
  readonly log: Logger;
  /** Where the service is now; a device may move. @throws XpmnError `unreachable` while nobody knows */
  endpoint(): SoapEndpoint;
}

/** Children from a position on. */
export interface ChildrenPage {
  /** Undefined where the device has an object that can't be understood. */
  readonly entries: readonly (DidlObject | undefined)[];
  /** As claimed; undefined if it is not, or can't be true. */
  readonly total: number | undefined;
  readonly updateId: number | undefined;
}

/** @spec UPnP-ContentDirectory v1 §2.7.4 (Browse) */
export class ContentDirectory {
  private readonly deps: ContentDirectoryDeps;
  private readonly options: ContentDirectoryOptions;

  constructor(deps: ContentDirectoryDeps, options: ContentDirectoryOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** The object itself. @throws XpmnError `not-found`, and as callAction */
  async metadata(objectId: string, options: { readonly signal: AbortSignal }): Promise<DidlObject> {
    const { entries } = await this.browse(objectId, 'BrowseMetadata', 0, 1, options);
    const object = entries.find((entry) => entry !== undefined);
    if (!object) throw new XpmnError('not-found', 'The device shows no such object.');
    // COMPAT: references and moved objects come back under another id; what was asked for is what it is.
    return object.id === objectId ? object : { ...object, id: objectId };
  }

  /**
   * At most `count` children from `start` on; none only at the end. A page that the device can't make, or we can't
   * read, is asked for in halves, so that one bad object costs one place, not a folder.
   */
  async children(objectId: string, start: number, count: number, options: { readonly signal: AbortSignal }): Promise<ChildrenPage> {
    let asked = Math.min(count, this.options.pageSize);
    for (;;) {
      try {
        return await this.browse(objectId, 'BrowseDirectChildren', start, asked, options);
      } catch (error) {
        options.signal.throwIfAborted();
        if (!mayBeOneObject(error)) throw error;
        if (asked === 1) return { entries: [undefined], total: undefined, updateId: undefined };
        asked = Math.floor(asked / 2);
      }
    }
  }

  private async browse(
    objectId: string, flag: 'BrowseMetadata' | 'BrowseDirectChildren', start: number, count: number, options: { readonly signal: AbortSignal },
  ): Promise<ChildrenPage> {
    const args = { ObjectID: objectId, BrowseFlag: flag, Filter: '*', StartingIndex: start, RequestedCount: count, SortCriteria: '' };
    const { requester, log } = this.deps;
    const answer = await callAction({ requester, limits: this.options.soap }, this.deps.endpoint(), { action: 'Browse', args, idempotent: true }, options);
    const { entries, losses } = parseDidl(answer.get('Result') ?? '', this.options.didl);
    if (losses.length > 0) log.debug('A listing was not quite right.', { objectId, start, losses: losses.slice(0, 10) });
    const returned = numberOf(answer.get('NumberReturned'));
    const claimed = numberOf(answer.get('TotalMatches'));
    if (entries.length === 0 && ((returned ?? 0) > 0 || losses.length > 0)) throw new XpmnError('malformed', 'The device\'s listing can\'t be understood.');
    const updateId = numberOf(answer.get('UpdateID'));
    const all = claimed !== undefined && claimed > 0 ? claimed : undefined;
    // COMPAT: gives everything whatever it is asked for; then the answer is the folder, not the page.
    if (entries.length === all && (start > 0 || entries.length > count)) return { entries: entries.slice(start, start + count), total: all, updateId };
    return { entries: entries.slice(0, count), total: credibleTotal(all, start, entries.length), updateId };
  }
}

/** Errors that a single object may cause: a smaller page may do without it. */
function mayBeOneObject(error: unknown): boolean {
  const { family, code, details } = asXpmnError(error);
  return family === 'nonsense' || (code === 'not-acceptable' && details.upnpError !== undefined);
}

/** A total that contradicts what was just seen is none; 0 with objects means "don't know" (§2.7.4.2). */
function credibleTotal(claimed: number | undefined, start: number, returned: number): number | undefined {
  if (returned === 0) return claimed === undefined ? (start === 0 ? 0 : undefined) : claimed <= start ? claimed : undefined;
  return claimed !== undefined && claimed >= start + returned ? claimed : undefined;
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,10}\s*$/.test(text) ? Number(text) : undefined;
}
