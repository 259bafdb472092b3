// Writes the table of config/specs.json into the documents, between its markers; with --check it only says whether they are current.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const DOCUMENTS = ['ARCHITECTURE.md', 'README.md'];
const BEGIN = '<!-- specs:begin -->';
const END = '<!-- specs:end -->';

const { specs } = JSON.parse(readFileSync(new URL('specs.json', import.meta.url), 'utf8'));
const rows = specs.map(({ id, version, title, state, why }) => `| ${id} | ${version} | ${title} | ${state}${why === '' ? '' : `: ${why}`} |`);
const block = [BEGIN, '| Specification | Version | Title | State |', '|---|---|---|---|', ...rows, END].join('\n');

const isCheck = process.argv.includes('--check');
let found = 0;
for (const name of DOCUMENTS) {
  const url = new URL(`../${name}`, import.meta.url);
  const text = existsSync(url) ? readFileSync(url, 'utf8') : '';
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) continue;
  found += 1;
  const current = text.slice(0, from) + block + text.slice(to + END.length);
  if (current === text) continue;
  if (isCheck) fail(`${name} has an old table of specifications: run node config/specs-table.mjs`);
  else writeFileSync(url, current);
}
if (found === 0) fail(`none of ${DOCUMENTS.join(', ')} has the markers of the table: ${BEGIN} … ${END}`);

function fail(why) {
  console.error(why);
  process.exitCode = 1;
}
