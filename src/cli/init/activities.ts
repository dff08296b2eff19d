/** The activities that a project registers, and which of them are guarded. */
import { placeIn, shownPath, type Project } from './project';
import { bare, calledName, packageDeclaring, pluginsIn, propertyOf, symbolOf, type Making } from './calls';
import type { TypeScript } from './compiler';

/** How an activity is guarded. `unclear`: the list of the plugin is not written out. */
export type Guarding = 'marked' | 'named' | 'unclear';

/** One registered activity. */
export interface Activity {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Its code, where it is the project's own. */
  readonly body: TypeScript.SignatureDeclaration | undefined;
  readonly guarding: Guarding | undefined;
  /** The workers that register it. */
  readonly makings: Making[];
}

/** As many names as one may go through to get to a function. */
const mostSteps = 10;

interface Found {
  readonly body: TypeScript.SignatureDeclaration | undefined;
  readonly isMarked: boolean;
}

/** Whether it is `name` of one of the guard's entries, also where the package is not installed. */
export function isOurs(
  project: Project,
  node: TypeScript.Node | undefined,
  names: readonly string[],
): boolean {
  const { ts, checker } = project;
  if (!node) return false;
  const symbol = symbolOf(project, node);
  if (packageDeclaring(symbol) === 'activity-guard') return names.includes(symbol?.name ?? '');
  const declared = checker.getSymbolAtLocation(node)?.declarations?.[0];
  if (!declared || !ts.isImportSpecifier(declared)) return false;
  const from = declared.parent.parent.parent.moduleSpecifier;
  const imported = (declared.propertyName ?? declared.name).text;
  return ts.isStringLiteral(from) && /^activity-guard(\/|$)/.test(from.text) && names.includes(imported);
}

/** The function behind a declaration, and whether it goes through `guarded()` or `guardTool()` on the way. */
function behind(project: Project, declaration: TypeScript.Node | undefined, steps = mostSteps): Found {
  const { ts, checker } = project;
  const nothing = { body: undefined, isMarked: false };
  if (!declaration || steps === 0) return nothing;
  const next = (node: TypeScript.Node | undefined): Found => behind(project, node, steps - 1);
  const named = (node: TypeScript.Node): Found => next(symbolOf(project, node)?.valueDeclaration);
  if (ts.isFunctionLike(declaration)) return { body: declaration, isMarked: false };
  if (ts.isIdentifier(declaration)) return named(declaration);
  if (ts.isPropertyAccessExpression(declaration)) return named(declaration.name);
  if (ts.isShorthandPropertyAssignment(declaration))
    return next(checker.getShorthandAssignmentValueSymbol(declaration)?.valueDeclaration);
  if (
    ts.isVariableDeclaration(declaration) ||
    ts.isPropertyAssignment(declaration) ||
    ts.isPropertyDeclaration(declaration)
  )
    return declaration.initializer ? next(bare(project, declaration.initializer)) : nothing;
  if (!ts.isCallExpression(declaration)) return nothing;
  const name = calledName(project, declaration);
  if (isOurs(project, name, ['guarded', 'guardTool', 'wrap'])) {
    const last = declaration.arguments.at(-1);
    return { body: last && next(bare(project, last)).body, isMarked: true };
  }
  const { expression } = declaration;
  return name?.text === 'bind' && ts.isPropertyAccessExpression(expression)
    ? next(expression.expression)
    : nothing;
}

/** The names of a plugin's `guard`, where they are written out. */
type Named = readonly (string | RegExp)[] | 'unclear';

function namedBy(project: Project, plugin: TypeScript.NewExpression): Named {
  const { ts } = project;
  const [options] = plugin.arguments ?? [];
  if (!options || !ts.isObjectLiteralExpression(options)) return 'unclear';
  const guard = propertyOf(project, options, 'guard');
  if (!guard) return options.properties.some(ts.isSpreadAssignment) ? 'unclear' : [];
  if (!ts.isPropertyAssignment(guard) || !ts.isArrayLiteralExpression(guard.initializer)) return 'unclear';
  const names: (string | RegExp)[] = [];
  for (const each of guard.initializer.elements) {
    if (ts.isStringLiteralLike(each)) names.push(each.text);
    else if (ts.isRegularExpressionLiteral(each)) {
      const [, source = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(each.text) ?? [];
      names.push(new RegExp(source, flags.replace(/[gy]/g, '')));
    } else return 'unclear';
  }
  return names;
}

/** Of all plugins in the files that the program has read. */
function namesIn(project: Project): Named[] {
  const own = project.program
    .getSourceFiles()
    .filter((file) => !file.isDeclarationFile && !project.program.isSourceFileFromExternalLibrary(file));
  return own.flatMap((file) => pluginsIn(project, file).map((plugin) => namedBy(project, plugin)));
}

function guardingOf(name: string, { isMarked }: Found, plugins: readonly Named[]): Guarding | undefined {
  if (isMarked) return 'marked';
  const isNamed = (each: string | RegExp): boolean =>
    typeof each === 'string' ? each === name : each.test(name);
  if (plugins.some((names) => names !== 'unclear' && names.some(isNamed))) return 'named';
  return plugins.includes('unclear') ? 'unclear' : undefined;
}

/** The functions that a worker registers; `undefined` where their type does not tell. */
function registeredBy({ ts, checker }: Project, { options }: Making): TypeScript.Symbol[] | undefined {
  if (!options) return undefined;
  const property = checker.getTypeAtLocation(options).getProperty('activities');
  if (!property) return [];
  const type = checker.getTypeOfSymbolAtLocation(property, options);
  const isTold = (type.flags & ts.TypeFlags.Object) !== 0 && type.getStringIndexType() === undefined;
  if (!isTold) return undefined;
  const isFunction = (symbol: TypeScript.Symbol): boolean =>
    checker.getTypeOfSymbolAtLocation(symbol, options).getCallSignatures().length > 0;
  return type.getProperties().filter((symbol) => symbol.name !== 'default' && isFunction(symbol));
}

/** Those of all workers, in the order in which they are registered. */
export interface Activities {
  readonly known: readonly Activity[];
  /** Workers whose activities cannot be told from their types. */
  readonly untold: readonly Making[];
}

/** What all workers register. */
export function activitiesOf(project: Project, makings: readonly Making[]): Activities {
  const { ts, checker, root } = project;
  const known = new Map<string, Activity>();
  const untold: Making[] = [];
  const plugins = namesIn(project);
  for (const making of makings.filter(({ makes }) => makes === 'worker')) {
    const symbols = registeredBy(project, making);
    if (!symbols) untold.push(making);
    for (const symbol of symbols ?? []) {
      const before = known.get(symbol.name);
      if (before) {
        before.makings.push(making);
        continue;
      }
      const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const declared = real.valueDeclaration ?? making.call;
      const found = behind(project, real.valueDeclaration);
      const at = found.body ?? declared;
      const file = at.getSourceFile();
      const line = file.getLineAndCharacterOfPosition(at.getStart()).line + 1;
      known.set(symbol.name, {
        ...{ name: symbol.name, file: shownPath(root, file.fileName), line, body: found.body },
        ...{ guarding: guardingOf(symbol.name, found, plugins), makings: [making] },
      });
    }
  }
  return { known: [...known.values()], untold };
}

/** Where a worker is made, for people. */
export const placeOf = ({ root }: Project, { file, call }: Making): string =>
  placeIn(root, file, call.getStart());
