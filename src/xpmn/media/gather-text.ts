import { XpmnError } from '../kernel/errors.ts';
import { abortReason } from '../kernel/tasks.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';

/** All of a transfer as text, UTF-8 or what it must be else. @throws XpmnError `too-large` beyond `limit` bytes; as the transfer fails */
export function gatherText(transfer: RemoteTransfer, { limit, signal }: { readonly limit: number; readonly signal: AbortSignal }): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    const leave = (): void => give(abortReason(signal));
    const settle = (): void => signal.removeEventListener('abort', leave);
    const give = (error: Error): void => {
      settle();
      transfer.abort();
      reject(error);
    };
    if (signal.aborted || (transfer.entity.size ?? 0) > limit) {
      give(signal.aborted ? abortReason(signal) : tooLarge());
      return;
    }
    signal.addEventListener('abort', leave, { once: true });
    const stream = transfer.receive({
      write(chunk) {
        length += chunk.length;
        if (length > limit) {
          give(tooLarge());
          return;
        }
        parts.push(chunk);
        setImmediate(() => stream.consumed(chunk.length));
      },
      end() {
        settle();
        resolve(decode(Buffer.concat(parts)));
      },
      fail(error) {
        settle();
        reject(error);
      },
    });
  });
}

function tooLarge(): XpmnError {
  return new XpmnError('too-large', 'The list is too large.');
}

/** COMPAT(lists that are older than UTF-8): every byte is a character then. */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}
