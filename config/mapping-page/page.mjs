const HEAD = `# What becomes of what

Players of the local network and of the desktop are devices of the media network like any other: a controller elsewhere knows nothing
of UPnP and MPRIS, but two profiles, Media Playback Control and Media Rendering Control. These tables name every part of the
interfaces that players have, what it becomes, and what is lost on the way. \`—\`: it becomes nothing.

Made by \`node config/mapping-page.mjs\` from the tables in \`src/mapping\` that stand beside the code that does it; \`npm run check\` fails where it is not current.
`;

const HEADINGS = { action: 'Actions', method: 'Methods', event: 'Events', signal: 'Signals', property: 'Properties', metadata: 'Metadata' };

/** The whole page: a section for each table, in it a part for each kind of its rows, in their order. */
export function mappingPage(sections) {
  return [HEAD, ...sections.map(sectionText)].join('\n');
}

function sectionText({ title, of, to, rows }) {
  const kinds = [...new Set(rows.map(({ kind }) => kind))];
  const taken = rows.filter((row) => row.to !== undefined).length;
  const parts = kinds.map((kind) => `\n### ${headingOf(kind)}\n\n${table(of, to, rows.filter((row) => row.kind === kind))}`);
  return `## ${title}\n\n${taken} of ${rows.length} have a counterpart.\n${parts.join('')}`;
}

function headingOf(kind) {
  if (!Object.hasOwn(HEADINGS, kind)) throw new Error(`a row of the mapping tables is of an unknown kind: ${kind}`);
  return HEADINGS[kind];
}

function table(of, to, rows) {
  const lines = [[of, to, 'How, and what is lost'], ['---', '---', '---'], ...rows.map((row) => [`\`${row.name}\``, row.to ?? '—', row.lost])];
  return lines.map((cells) => `| ${cells.map(cell).join(' | ')} |\n`).join('');
}

/** One line, which no sign of a table breaks. */
function cell(text) {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|');
}
