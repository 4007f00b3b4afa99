// Draws spec/demo.svg, the picture in the README, from a real run of the demo: `node scripts/demo-picture.js`.
// Needs `script` of util-linux, for the colours of a terminal.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const FONT = 13;
const ROW = 18;
const CELL = 7.83;
const COLUMNS = 108;
const MARGIN = 16;
const COLOURS = { 31: '#ff8a80', 32: '#7fdb9b', 33: '#f0b45a', 36: '#6cc3d5' };

const run = spawnSync(
  'script',
  ['-qec', `stty cols ${COLUMNS} rows 50; "${process.execPath}" bin/tiphys.js demo`, '/dev/null'],
  {
    cwd: root,
    encoding: 'utf8',
    timeout: 10 * 60_000,
  },
);
if (run.status !== 0) throw new Error(`the demo ended with ${run.status}: ${run.stdout.slice(-500)}`);
const rows = pick(run.stdout.replaceAll('\r', '').split('\n'));
writeFileSync(new URL('../spec/demo.svg', import.meta.url), draw(rows));
console.log(`spec/demo.svg: ${rows.length} lines`);

/** The second act, of its differences only what changes; of the third the headlines and the ends. */
function pick(lines) {
  const out = [];
  let act = 0;
  for (const line of lines) {
    const plain = toPlain(line);
    const begun = /^(\d)\. /.exec(plain);
    if (begun) act = Number(begun[1]);
    const isDifference = /^ {4}/.test(plain);
    const isChange = /^ {4}[-+]/.test(plain);
    const isShown =
      act === 2
        ? !isDifference || isChange
        : act === 3 && /^(\d\.| {2}(memory|plan|verdict|resolved|push|health) |\d+ resolved)/.test(plain);
    if (isShown && plain.trim() !== '') out.push(line);
  }
  return out;
}

function toPlain(line) {
  // eslint-disable-next-line no-control-regex
  return line.replace(/\u001b\[[0-9;]*m/g, '');
}

function draw(lines) {
  const width = Math.round(COLUMNS * CELL + 2 * MARGIN);
  const height = lines.length * ROW + 2 * MARGIN;
  const text = lines
    .map(
      (line, index) =>
        `<text x="${MARGIN}" y="${MARGIN + ROW * index + FONT}" xml:space="preserve">${toSpans(line)}</text>`,
    )
    .join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${FONT}" fill="#dfe6ea">
<title>The demo: an update crashes, is diagnosed and reverted in git, and the next one is rolled out by canary</title>
<rect width="${width}" height="${height}" rx="10" fill="#14181c"/>
${text}
</svg>
`;
}

/** One line with the terminal's colours, cut where the picture ends. */
function toSpans(line) {
  let style = '';
  let left = COLUMNS;
  let out = '';
  // eslint-disable-next-line no-control-regex
  for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
    // eslint-disable-next-line no-control-regex
    const code = /^\u001b\[(\d+)m$/.exec(part)?.[1];
    if (code !== undefined) {
      if (code === '1') style = ' font-weight="bold"';
      else if (code === '2') style = ' fill="#8b98a3"';
      else if (COLOURS[code]) style = ` fill="${COLOURS[code]}"`;
      else style = '';
      continue;
    }
    const shown = part.length > left ? `${part.slice(0, Math.max(0, left - 1))}…` : part;
    if (left <= 0 || shown === '') continue;
    left -= part.length;
    out += `<tspan${style}>${shown.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</tspan>`;
  }
  return out;
}
