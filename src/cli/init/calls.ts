/** Where a project makes its workers, and bundles of workflows for them. */
import { placeIn, type Project } from './project';
import { Refusal, type Compiler, type TypeScript } from './compiler';

/** One call of `Worker.create` or `bundleWorkflowCode`. */
export interface Making {
  readonly makes: 'worker' | 'bundle';
  readonly file: TypeScript.SourceFile;
  readonly call: TypeScript.CallExpression;
  /** Its options where they are written out: at the call, or as a constant of the same file. */
  readonly options: TypeScript.ObjectLiteralExpression | undefined;
}

/** What an expression is, without what only the compiler reads. */
export function bare({ ts }: Project, node: TypeScript.Expression): TypeScript.Expression {
  let inner = node;
  while (ts.isParenthesizedExpression(inner) || ts.isAsExpression(inner) || ts.isSatisfiesExpression(inner))
    inner = inner.expression;
  return inner;
}

/** What a name stands for, also where it is imported. */
export function symbolOf({ ts, checker }: Project, node: TypeScript.Node): TypeScript.Symbol | undefined {
  const symbol = checker.getSymbolAtLocation(node);
  return symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** The package that declares something; `undefined` for the project's own. Types stand for what they describe. */
export function packageDeclaring(symbol: TypeScript.Symbol | undefined): string | undefined {
  const file = symbol?.declarations?.[0]?.getSourceFile().fileName ?? '';
  const name = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file)?.[1]?.replace('\\', '/');
  return name?.replace(/^@types\/(?:(.+)__)?/, (_, scope?: string) =>
    scope === undefined ? '' : `@${scope}/`,
  );
}

/** A node and all in it; what is in one for which `see` says no is left out. */
export function visit(ts: Compiler, node: TypeScript.Node, see: (node: TypeScript.Node) => boolean): void {
  if (see(node)) ts.forEachChild(node, (child) => visit(ts, child, see));
}

/** The last name of what is called: `create` of `stripe.charges.create`. */
export function calledName({ ts }: Project, { expression }: TypeScript.CallExpression) {
  if (ts.isPropertyAccessExpression(expression)) return expression.name;
  return ts.isIdentifier(expression) ? expression : undefined;
}

function optionsIn(project: Project, call: TypeScript.CallExpression): Making['options'] {
  const { ts } = project;
  const [argument] = call.arguments;
  if (!argument) return undefined;
  const given = bare(project, argument);
  if (ts.isObjectLiteralExpression(given)) return given;
  const declared = symbolOf(project, given)?.valueDeclaration;
  if (!declared || declared.getSourceFile() !== call.getSourceFile()) return undefined;
  if (!ts.isVariableDeclaration(declared) || !declared.initializer) return undefined;
  const { flags } = declared.parent;
  const value = bare(project, declared.initializer);
  return flags & ts.NodeFlags.Const && ts.isObjectLiteralExpression(value) ? value : undefined;
}

const madeBy: Readonly<Record<string, Making['makes']>> = { create: 'worker', bundleWorkflowCode: 'bundle' };

function makingAt(project: Project, call: TypeScript.CallExpression): Making | undefined {
  const name = calledName(project, call);
  const makes = name && Object.hasOwn(madeBy, name.text) ? madeBy[name.text] : undefined;
  if (!name || !makes) return undefined;
  const symbol = symbolOf(project, name);
  if (packageDeclaring(symbol) !== '@temporalio/worker') return undefined;
  return { makes, file: call.getSourceFile(), call, options: optionsIn(project, call) };
}

/**
 * All of the project, in the order in which they stand.
 * @throws Refusal where there is no worker
 */
export function makingsIn(project: Project): Making[] {
  const found: Making[] = [];
  for (const file of project.files)
    visit(project.ts, file, (node) => {
      const making = project.ts.isCallExpression(node) ? makingAt(project, node) : undefined;
      if (making) found.push(making);
      return true;
    });
  if (!found.some(({ makes }) => makes === 'worker'))
    throw new Refusal(
      `No call of Worker.create() is understood, although ${project.files.map((file) => placeIn(project.root, file, 0)).join(', ')} may have one.`,
    );
  return found;
}

/** The nodes that are made by `new ActivityGuardPlugin(…)`, in all files of the project that were read. */
export function pluginsIn(project: Project, file: TypeScript.SourceFile): TypeScript.NewExpression[] {
  const found: TypeScript.NewExpression[] = [];
  visit(project.ts, file, (node) => {
    if (project.ts.isNewExpression(node) && node.expression.getText().endsWith('ActivityGuardPlugin'))
      found.push(node);
    return true;
  });
  return found;
}

/** A property of an object literal by its name; `undefined` where it has none, or none that is written out. */
export const propertyOf = (
  { ts }: Project,
  literal: TypeScript.ObjectLiteralExpression,
  name: string,
): TypeScript.ObjectLiteralElementLike | undefined =>
  literal.properties.find((each) => {
    const own = each.name;
    return own && (ts.isIdentifier(own) || ts.isStringLiteral(own)) && own.text === name;
  });
