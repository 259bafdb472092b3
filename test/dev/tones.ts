import type { FakeObject } from '../fakes/fake-media-server.ts';

const RATE = 22_050;
const SECONDS = 62.5;

/** Something to list, fetch, seek in and hear. */
export const TONES: readonly FakeObject[] = [
  { id: 'tones', parent: '0', kind: 'container', title: 'Tones' },
  ...[220, 440, 880].map((hertz): FakeObject => ({
    id: `tone-${hertz}`, parent: 'tones', kind: 'item', title: `A at ${hertz} Hz`, path: `/tones/${hertz}.wav`,
    media: { type: 'audio/wav', content: wav(hertz) },
  })),
];

/** A tone as mono PCM of 16 bits, in a RIFF header. */
function wav(hertz: number): Buffer {
  const samples = Math.round(RATE * SECONDS);
  const file = Buffer.alloc(44 + 2 * samples);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(2 * RATE, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(2 * samples, 40);
  for (let i = 0; i < samples; i += 1) file.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * hertz * i) / RATE)), 44 + 2 * i);
  return file;
}
