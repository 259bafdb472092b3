import assert from 'node:assert/strict';
import { serverView } from '../../demo/server-view.ts';
import type { Prosody } from '../../peers/prosody.ts';

const SECRET = 'Die Lerche & die Nachtigall';
const secrets = [Buffer.from(SECRET)];

/** A server whose record is this text. */
const recorded = (text: string): Pick<Prosody, 'handledBytes'> => ({ handledBytes: () => Promise.resolve(Buffer.from(text)) });

describe('what a server could have seen', () => {
  it('counts stanzas and calls, and finds nothing where nothing is', async () => {
    const record = "out a@b/c <presence/>\nin a@b/c <iq type='set'><jingle xmlns='urn:xmpp:jingle:1'/></iq>\n";
    assert.deepEqual(await serverView(recorded(record), secrets), { stanzas: 2, calls: 1, bytes: record.length, found: 0 });
  });

  it('finds a leak in plain text', async () => {
    assert.equal((await serverView(recorded(`in a@b/c <message>${SECRET}</message>\n`), secrets)).found, 1);
  });

  it('finds a leak under base64, wherever it begins', async () => {
    for (const before of ['', 'x', 'xy', 'xyz']) {
      const data = Buffer.from(`${before}${SECRET}`).toString('base64');
      assert.equal((await serverView(recorded(`in a@b/c <data>${data}</data>\n`), secrets)).found, 1, before);
    }
  });
});
