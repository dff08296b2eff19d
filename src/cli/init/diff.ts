/** Files to which something is added: as they will be, and as a unified diff. */

/** A text that comes in at a position; nothing is taken away. */
export interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** What is added to one file. */
export interface Change {
  /** Where it lies. */
  readonly path: string;
  readonly before: string;
  readonly insertions: readonly Insertion[];
}

/** Those of the same position in the order in which they were asked for. */
const inOrder = (insertions: readonly Insertion[]): Insertion[] =>
  [...insertions].sort((one, other) => one.at - other.at);

/** The text as it will be. */
export function after({ before, insertions }: Pick<Change, 'before' | 'insertions'>): string {
  let [text, from] = ['', 0];
  for (const { at, text: added } of inOrder(insertions)) {
    text += before.slice(from, at) + added;
    from = at;
  }
  return text + before.slice(from);
}

/** One line of a diff. */
interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

const context = 3;

const linesOf = (text: string): string[] => text.split(/(?<=\n)/);

/** A line that got something is out and in again, but for whole lines that only came before or after it. */
function changed(line: string, becomes: readonly string[]): Line[] {
  const same = becomes.indexOf(line);
  return same < 0
    ? [{ sign: '-', text: line }, ...becomes.map((text): Line => ({ sign: '+', text }))]
    : becomes.map((text, i): Line => ({ sign: i === same ? ' ' : '+', text }));
}

function allLines({ before, insertions }: Change): Line[] {
  let start = 0;
  return linesOf(before).flatMap((line): Line[] => {
    const end = start + line.length;
    const isLast = end === before.length;
    const here = insertions.filter(({ at }) => at >= start && (at < end || (isLast && at === end)));
    const becomes = after({
      before: line,
      insertions: here.map(({ at, text }) => ({ at: at - start, text })),
    });
    start = end;
    return here.length === 0 ? [{ sign: ' ', text: line }] : changed(line, linesOf(becomes));
  });
}

const rangeOf = (start: number, count: number): string => `${count === 0 ? start - 1 : start},${count}`;

/** Lines as `diff -u` prints them, without the ends of lines. */
export function unifiedDiff(name: string, change: Change): string[] {
  const lines = allLines(change);
  const isNear = lines.map((_, i) =>
    lines.slice(Math.max(0, i - context), i + context + 1).some(({ sign }) => sign !== ' '),
  );
  const out = [`--- a/${name}`, `+++ b/${name}`];
  let [oldLine, newLine] = [1, 1];
  for (let i = 0; i < lines.length; ) {
    if (!isNear[i]) {
      i++;
      oldLine++;
      newLine++;
      continue;
    }
    const end = isNear.indexOf(false, i);
    const hunk = lines.slice(i, end < 0 ? undefined : end);
    const [olds, news] = ['+', '-'].map((sign) => hunk.filter((line) => line.sign !== sign).length);
    out.push(`@@ -${rangeOf(oldLine, olds ?? 0)} +${rangeOf(newLine, news ?? 0)} @@`);
    for (const { sign, text } of hunk) {
      out.push(`${sign}${text.replace(/\r?\n$/, '')}`);
      if (!text.endsWith('\n')) out.push('\\ No newline at end of file');
    }
    oldLine += olds ?? 0;
    newLine += news ?? 0;
    i += hunk.length;
  }
  return out;
}
