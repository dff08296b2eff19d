// The pages people read, and what is in them: fences of code, links, headings.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** All Markdown that is tracked, or new and not ignored. */
export function readPages() {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'],
    {
      encoding: 'utf8',
    },
  );
  return listed
    .split('\0')
    .filter((file) => file !== '' && existsSync(file))
    .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n') }));
}

/** Code fences with the comment `<!-- snippet … -->` before them. Lines count from 0; `start` and `end` are the fence's own. */
export function fencesOf({ file, lines }) {
  const fences = [];
  for (let line = 0; line < lines.length; line++) {
    const opening = /^\s*(`{3,})\s*(\S*)\s*(.*)$/.exec(lines[line]);
    if (!opening) continue;
    const [, ticks, language, info] = opening;
    const end = lines.findIndex((text, at) => at > line && text.trim() === ticks);
    if (end === -1) throw new Error(`${file}:${line + 1}: a fence without an end`);
    fences.push({ start: line, end, language, info, snippet: snippetBefore(lines, line) });
    line = end;
  }
  return fences;
}

/** What `<!-- snippet as NAME with A, B from FILE#REGION given CODE -->` says; each part may be missing. */
function snippetBefore(lines, fence) {
  const last = fence - 1;
  if (!lines[last]?.endsWith('-->')) return undefined;
  let first = last;
  while (first > 0 && !lines[first].startsWith('<!--')) first--;
  const comment = lines.slice(first, fence).join('\n');
  const match = /^<!-- snippet( as (\S+))?( with ([^]*?))?( from (\S+)#(\S+))?( given(\s[^]*))?\s-->$/.exec(
    comment,
  );
  if (!match && comment.startsWith('<!-- snippet'))
    throw new Error(`a snippet that says what nobody knows: ${comment}`);
  if (!match) return undefined;
  const [, , as, , others, , from, region, , given] = match;
  return { as, others: others?.split(/,\s*/) ?? [], from, region, given, first };
}

/** The page without its fences and comments, for whoever looks for links: those lines are empty. */
export function proseOf(page) {
  const lines = [...page.lines];
  for (const { start, end } of fencesOf(page)) for (let at = start; at <= end; at++) lines[at] = '';
  return lines
    .join('\n')
    .replace(/<!--[^]*?-->/g, (comment) => comment.replace(/[^\n]/g, ''))
    .split('\n');
}
