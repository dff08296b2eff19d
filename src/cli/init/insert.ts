/** Where something comes in, and in the hand of who wrote the file: its indentation, quotes, semicolons, ends of lines. */
import { Refusal, type Compiler, type TypeScript } from './compiler';
import type { Insertion } from './diff';
import { placeIn, type Project } from './project';

/** How a file is written. */
export interface Hand {
  readonly eol: string;
  readonly quote: string;
  readonly semi: string;
}

/** As its import of the SDK is written. */
export function handOf(file: TypeScript.SourceFile, statement: TypeScript.Statement): Hand {
  const text = statement.getText();
  return {
    eol: file.text.includes('\r\n') ? '\r\n' : '\n',
    quote: text.includes('"') ? '"' : "'",
    semi: text.endsWith(';') ? ';' : '',
  };
}

/** The white space before the first thing of a line. */
function indentationAt({ text }: TypeScript.SourceFile, position: number): string {
  const start = text.lastIndexOf('\n', position - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, position))?.[0] ?? '';
}

/** Where a line or the comments begin that belong to a statement: those right above it, without an empty line between. */
function startWithComments(ts: Compiler, statement: TypeScript.Node): number {
  const { text } = statement.getSourceFile();
  const lineStart = (position: number): number => text.lastIndexOf('\n', position - 1) + 1;
  let start = statement.getStart();
  const comments = ts.getLeadingCommentRanges(text, statement.getFullStart()) ?? [];
  for (const { pos, end } of [...comments].reverse()) {
    const isAlone = /^[ \t]*$/.test(text.slice(lineStart(pos), pos));
    if (!isAlone || !/^[ \t]*\r?\n?[ \t]*$/.test(text.slice(end, start))) break;
    start = pos;
  }
  return start;
}

/** Lines before a statement, with its indentation. */
export function linesBefore(
  ts: Compiler,
  statement: TypeScript.Node,
  lines: readonly string[],
  hand: Hand,
): Insertion {
  const at = startWithComments(ts, statement);
  const indentation = indentationAt(statement.getSourceFile(), at);
  return { at, text: lines.map((line) => `${line}${hand.eol}${indentation}`).join('') };
}

/** After a node and the comments that follow it on its line. */
function afterComments(ts: Compiler, text: string, position: number): number {
  return ts.getTrailingCommentRanges(text, position)?.at(-1)?.end ?? position;
}

/** Whole lines after a statement. */
export function linesAfter(
  ts: Compiler,
  statement: TypeScript.Node,
  lines: readonly string[],
  hand: Hand,
): Insertion {
  const { text } = statement.getSourceFile();
  return {
    at: afterComments(ts, text, statement.getEnd()),
    text: lines.map((line) => hand.eol + line).join(''),
  };
}

/** More in a list of properties or elements, which stand in one line or in several, with a comma at the end or not. */
export function appended(
  ts: Compiler,
  file: TypeScript.SourceFile,
  list: TypeScript.NodeArray<TypeScript.Node>,
  added: readonly string[],
  eol: string,
): Insertion[] {
  const last = list.at(-1);
  if (!last) return [{ at: list.pos, text: added.join(', ') }];
  const { hasTrailingComma = false } = list;
  const start = last.getStart(file);
  const isInLines = /[\r\n]/.test(file.text.slice(list.pos, start));
  const gap = isInLines ? eol + indentationAt(file, start) : ' ';
  const texts = added.map((text) => gap + text).join(',') + (hasTrailingComma ? ',' : '');
  const end = hasTrailingComma ? list.end : last.getEnd();
  const at = isInLines ? afterComments(ts, file.text, end) : end;
  return [...(hasTrailingComma ? [] : [{ at: end, text: ',' }]), { at, text: texts }];
}

/** What must be so for a statement to come before another. */
export interface Around {
  readonly statement: TypeScript.Statement;
  readonly block: TypeScript.Node;
  /** `await` may be used there. */
  readonly mayAwait: boolean;
}

/**
 * The statement of a block that holds a node.
 * @throws Refusal where nothing can come before it
 */
export function around({ ts, root }: Project, node: TypeScript.Node): Around {
  let statement: TypeScript.Node = node;
  let isAwaited = false;
  const isBlock = (each: TypeScript.Node): boolean =>
    ts.isBlock(each) || ts.isSourceFile(each) || ts.isCaseOrDefaultClause(each);
  while (!isBlock(statement.parent)) {
    isAwaited ||= ts.isAwaitExpression(statement);
    statement = statement.parent;
    if (ts.isFunctionLike(statement) || ts.isClassLike(statement))
      throw new Refusal(
        `${placeIn(root, node.getSourceFile(), node.getStart())}: nothing can come before this expression, for it is the whole of a function or the value of a property.`,
      );
  }
  let owner: TypeScript.Node = statement.parent;
  while (!ts.isSourceFile(owner) && !ts.isFunctionLike(owner)) owner = owner.parent;
  const isAsync =
    ts.canHaveModifiers(owner) &&
    ts.getModifiers(owner)?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) === true;
  return {
    statement: statement as TypeScript.Statement,
    block: statement.parent,
    mayAwait: ts.isSourceFile(owner) ? isAwaited : isAsync,
  };
}

/** All names that a file uses for anything. */
export function namesIn(ts: Compiler, file: TypeScript.SourceFile): Set<string> {
  const names = new Set<string>();
  const see = (node: TypeScript.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    ts.forEachChild(node, see);
  };
  see(file);
  return names;
}
