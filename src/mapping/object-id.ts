/** Object ids of a ContentDirectory as ids of a library, and back (PROTOCOL §2). */

export const ROOT_ID = 'root';
export const ROOT_OBJECT_ID = '0';

/** Hex digits of the hash in a uid. */
export const TAG_LENGTH = 6;

/** base64url of the UTF-8 object id. No object id can give `root`: decoded, that is not UTF-8. */
export function idFromObjectId(objectId: string): string {
  return objectId === ROOT_OBJECT_ID ? ROOT_ID : Buffer.from(objectId, 'utf8').toString('base64url');
}

/** Undefined for what `idFromObjectId` never gives. */
export function objectIdFromId(id: string): string | undefined {
  if (id === ROOT_ID) return ROOT_OBJECT_ID;
  const objectId = Buffer.from(id, 'base64url').toString('utf8');
  return objectId !== '' && idFromObjectId(objectId) === id ? objectId : undefined;
}

/** `tag`: the first hex digits of the SHA-256 over the resource's path and query. */
export function uidFrom(objectId: string, tag: string): string {
  return `${Buffer.from(objectId, 'utf8').toString('base64url')}-${tag}`;
}

export function splitUid(uid: string): { readonly objectId: string; readonly tag: string } | undefined {
  const dash = uid.length - TAG_LENGTH - 1;
  if (dash < 1 || uid[dash] !== '-') return undefined;
  const [encoded, tag] = [uid.slice(0, dash), uid.slice(dash + 1)];
  const objectId = Buffer.from(encoded, 'base64url').toString('utf8');
  return /^[0-9a-f]+$/.test(tag) && uidFrom(objectId, tag) === uid ? { objectId, tag } : undefined;
}
