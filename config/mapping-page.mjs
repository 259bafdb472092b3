// Writes MAPPING.md from the tables in src/mapping; with --check it only says whether it is current. Node alone is not enough: the tables are TypeScript.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { register } from 'tsx/esm/api';
import { mappingPage } from './mapping-page/page.mjs';
import { TABLES } from './mapping-page/tables.mjs';

register();
const sections = await Promise.all(TABLES.map(async ({ file, table, ...section }) => {
  const { [table]: rows } = await import(new URL(`../src/mapping/${file}`, import.meta.url).href);
  return { ...section, rows: rows.map(section.row) };
}));

const page = new URL('../MAPPING.md', import.meta.url);
const wanted = mappingPage(sections);
if (!process.argv.includes('--check')) {
  writeFileSync(page, wanted);
} else if (!existsSync(page) || readFileSync(page, 'utf8') !== wanted) {
  console.error('MAPPING.md is not what the tables say: run node config/mapping-page.mjs');
  process.exitCode = 1;
}
