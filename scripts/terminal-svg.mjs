// Draws what a terminal showed as an SVG picture: text from stdin, one picture to stdout.
// Usage: terminal-svg.mjs TITLE < transcript > picture.svg
// Lines that begin with a prompt ("$ ", or "name$ ") are commands and are set bold.
import { readFileSync } from 'node:fs';

const LINE = 20;
const CHAR = 8.43;
const PAD = 20;
const BAR = 36;

const title = process.argv[2] ?? 'terminal';
const lines = readFileSync(0, 'utf8').replace(/\n+$/, '').split('\n');
const escape = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
const columns = Math.max(60, ...lines.map((line) => [...line].length));
const width = Math.ceil(columns * CHAR + 2 * PAD);
const height = BAR + lines.length * LINE + 2 * PAD;

const rows = lines.map((line, n) => {
  const y = BAR + PAD + (n + 0.7) * LINE;
  const isCommand = /^\w*\$ /.test(line);
  const colour = isCommand ? '#ffffff' : '#c9d1d9';
  const weight = isCommand ? ' font-weight="bold"' : '';
  return `<text x="${PAD}" y="${y.toFixed(1)}" fill="${colour}"${weight} xml:space="preserve">${escape(line)}</text>`;
});

process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
<rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>
<rect width="${width}" height="${BAR}" rx="10" fill="#21262d"/>
<circle cx="22" cy="18" r="6" fill="#ff5f56"/><circle cx="42" cy="18" r="6" fill="#ffbd2e"/><circle cx="62" cy="18" r="6" fill="#27c93f"/>
<text x="${width / 2}" y="23" fill="#8b949e" font-size="13" text-anchor="middle" font-family="sans-serif">${escape(title)}</text>
<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">
${rows.join('\n')}
</g>
</svg>
`);
