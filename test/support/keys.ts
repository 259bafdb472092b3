import type { KeyObject } from 'node:crypto';
import { generateKey } from '../../src/xpmn/trust/keys.ts';

const made = new Map<string, Promise<KeyObject>>();

/** An RSA-2048 private key, made at run time once per name: keys are slow, and a test run needs the same few often. */
export function testKey(name: string): Promise<KeyObject> {
  const key = made.get(name) ?? generateKey();
  made.set(name, key);
  return key;
}

/** A maker for what asks for new keys: hands out `prefix-0`, `prefix-1`, … of the cached ones, never one twice. */
export function testKeyMaker(prefix: string): () => Promise<KeyObject> {
  let count = 0;
  return () => testKey(`${prefix}-${count++}`);
}
