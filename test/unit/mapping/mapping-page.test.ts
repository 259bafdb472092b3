import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path: string): URL => new URL(`../../../${path}`, import.meta.url);

interface Row {
  readonly kind: string;
  readonly name: string;
  readonly to: string | undefined;
  readonly lost: string;
}

interface Section {
  readonly title: string;
  readonly of: string;
  readonly to: string;
  readonly rows: readonly Row[];
}

describe('the page of mappings', () => {
  let mappingPage: (sections: readonly Section[]) => string;
  let tables: readonly { readonly file: string; readonly table: string }[];

  before(async () => {
    ({ mappingPage } = (await import(at('config/mapping-page/page.mjs').href)) as { mappingPage: typeof mappingPage });
    ({ TABLES: tables } = (await import(at('config/mapping-page/tables.mjs').href)) as { TABLES: typeof tables });
  });

  it('is what the tables say', () => {
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(at('config/mapping-page.mjs')), '--check'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  it('has every table that there is', () => {
    const exported = readdirSync(at('src/mapping')).flatMap((file) =>
      [...readFileSync(at(`src/mapping/${file}`), 'utf8').matchAll(/^export const (\w+_MAPPING)\b/gm)].map(([, table]) => ({ file, table })));
    const order = (rows: readonly { file: string; table: string | undefined }[]): string[] => rows.map(({ file, table }) => `${file} ${table}`).sort();
    assert.deepEqual(order(tables), order(exported));
  });

  it('has a part for each kind of row, and says what has no counterpart', () => {
    const rows: Row[] = [
      { kind: 'method', name: 'Play', to: 'play', lost: '' }, { kind: 'signal', name: 'Seeked', to: undefined, lost: 'All\nof | it.' }, { kind: 'method', name: 'Stop', to: 'stop', lost: '' },
    ];
    const page = mappingPage([{ title: 'MPRIS', of: 'Player', to: 'Playback', rows }]);
    assert.equal(page.slice(page.indexOf('## MPRIS')), [
      '## MPRIS', '', '2 of 3 have a counterpart.', '',
      '### Methods', '', '| Player | Playback | How, and what is lost |', '| --- | --- | --- |', '| `Play` | play |  |', '| `Stop` | stop |  |', '',
      '### Signals', '', '| Player | Playback | How, and what is lost |', '| --- | --- | --- |', '| `Seeked` | — | All of \\| it. |', '',
    ].join('\n'));
    assert.throws(() => mappingPage([{ title: 'x', of: 'x', to: 'x', rows: [{ kind: 'toString', name: 'x', to: 'x', lost: '' }] }]), /unknown kind/);
  });
});
