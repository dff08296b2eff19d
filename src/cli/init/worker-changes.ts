/** What is added to a file that makes workers, or a bundle of workflows. */
import type { Acting } from './acts';
import { pluginsIn, propertyOf, type Making } from './calls';
import { Refusal, type TypeScript } from './compiler';
import type { Insertion } from './diff';
import { appended, around, handOf, linesAfter, linesBefore, namesIn, type Hand } from './insert';
import { placeIn, shownPath, type Project } from './project';

const entryOf = {
  pgReceipts: 'activity-guard/pg',
  ActivityGuardPlugin: 'activity-guard/worker',
};

/** The activity that is guarded first. */
export interface Chosen {
  readonly name: string;
  /** The workers whose plugin names it. */
  readonly makings: readonly Making[];
  /** What it was chosen for; `undefined` where it was asked for, or is the only one. */
  readonly because?: Acting | undefined;
}

type Imported = keyof typeof entryOf;

const explanation = [
  "// activity-guard keeps a receipt of each guarded effect in Postgres. Where nobody knows whether one happened ('hold', the",
  '// default), nothing runs until somebody says so: npx activity-guard list --unresolved',
];
const bundleExplanation = [
  '// For the workflow interceptors of activity-guard: a bundle connects to no database, its workers do.',
];

const describe = (project: Project, node: TypeScript.Node): string =>
  placeIn(project.root, node.getSourceFile(), node.getStart());

/** What the file is to be imported after, and how. */
interface Anchor {
  readonly statement: TypeScript.Statement;
  readonly isRequired: boolean;
  readonly hand: Hand;
}

function anchorIn({ ts, root }: Project, file: TypeScript.SourceFile): Anchor {
  const isSdk = (node: TypeScript.Node | undefined): boolean =>
    node !== undefined && ts.isStringLiteral(node) && node.text === '@temporalio/worker';
  for (const statement of file.statements) {
    const isImport =
      ts.isImportDeclaration(statement) &&
      isSdk(statement.moduleSpecifier) &&
      statement.importClause?.isTypeOnly !== true;
    if (isImport) return { statement, isRequired: false, hand: handOf(file, statement) };
    if (!ts.isVariableStatement(statement)) continue;
    const { initializer } = statement.declarationList.declarations[0] ?? {};
    const isRequired =
      initializer !== undefined &&
      ts.isCallExpression(initializer) &&
      initializer.expression.getText() === 'require' &&
      isSdk(initializer.arguments[0]);
    if (isRequired) return { statement, isRequired, hand: handOf(file, statement) };
  }
  throw new Refusal(
    `${shownPath(root, file.fileName)} imports @temporalio/worker in a way that is not understood.`,
  );
}

const importLine = (name: Imported, { hand, isRequired }: Anchor): string => {
  const from = `${hand.quote}${entryOf[name]}${hand.quote}`;
  return isRequired
    ? `const { ${name} } = require(${from})${hand.semi}`
    : `import { ${name} } from ${from}${hand.semi}`;
};

/** Whether the plugin is there already: in the file, or by the type of what its options list. */
export function isGuarded(project: Project, { file, options }: Making): boolean {
  const { ts, checker } = project;
  if (/['"]activity-guard\/worker['"]/.test(file.text)) return true;
  const plugins = options && checker.getTypeAtLocation(options).getProperty('plugins');
  const listed = plugins && options && checker.getTypeOfSymbolAtLocation(plugins, options);
  const element = listed && checker.getIndexTypeOfType(listed, ts.IndexKind.Number);
  const each = element?.isUnion() ? element.types : [element];
  return each.some((type) => type?.symbol?.name === 'ActivityGuardPlugin');
}

/** Spread options may hold plugins, which a list of ours would replace. */
function checkSpreads(project: Project, literal: TypeScript.ObjectLiteralExpression, from: number): void {
  const { ts, checker } = project;
  for (const each of literal.properties) {
    if (!ts.isSpreadAssignment(each) || each.pos < from) continue;
    const type = checker.getTypeAtLocation(each.expression);
    const parts = type.isUnion() ? type.types : [type];
    const mayHave = parts.some(
      (part) =>
        (part.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0 ||
        part.getProperty('plugins') !== undefined,
    );
    if (mayHave)
      throw new Refusal(`${describe(project, each)}: what is spread here may have plugins of its own.`);
  }
}

/** The plugin in the options: after those that are there. */
function pluginInserted(
  project: Project,
  literal: TypeScript.ObjectLiteralExpression,
  plugin: string,
  { eol }: Hand,
): Insertion[] {
  const { ts } = project;
  const file = literal.getSourceFile();
  const property = propertyOf(project, literal, 'plugins');
  checkSpreads(project, literal, property?.pos ?? 0);
  if (!property) return appended(ts, file, literal.properties, [`plugins: [${plugin}]`], eol);
  if (ts.isShorthandPropertyAssignment(property))
    return [{ at: property.getEnd(), text: `: [...(plugins ?? []), ${plugin}]` }];
  if (!ts.isPropertyAssignment(property))
    throw new Refusal(`${describe(project, property)}: these plugins are not understood.`);
  const { initializer } = property;
  if (ts.isArrayLiteralExpression(initializer))
    return appended(ts, file, initializer.elements, [plugin], eol);
  const isPlain =
    ts.isIdentifier(initializer) ||
    ts.isCallExpression(initializer) ||
    ts.isPropertyAccessExpression(initializer);
  // The compiler refuses a `??` after what is never nothing.
  const [open, close] = isPlain ? ['...(', ' ?? [])'] : ['...(', ')'];
  return [
    { at: initializer.getStart(), text: `[${open}` },
    { at: initializer.getEnd(), text: `${close}, ${plugin}]` },
  ];
}

/** @throws Refusal where the file has other things of these names */
function nameFor(project: Project, file: TypeScript.SourceFile, imports: readonly Imported[]): string {
  const names = namesIn(project.ts, file);
  const receipts = ['receipts', 'guardReceipts'].find((name) => !names.has(name));
  const taken = imports.find((name) => names.has(name)) ?? (receipts === undefined ? 'receipts' : undefined);
  if (taken !== undefined || receipts === undefined)
    throw new Refusal(`${shownPath(project.root, file.fileName)} uses the name ${taken} for something else.`);
  return receipts;
}

const optionsOf = (project: Project, making: Making): TypeScript.ObjectLiteralExpression => {
  if (making.options) return making.options;
  throw new Refusal(
    `${describe(project, making.call)}: its options are neither written out there nor in a constant of the same file.`,
  );
};

/** `await receipts.migrate()` runs before the first worker of each block; the receipts are there before any options. */
function receiptsInserted(
  project: Project,
  makings: readonly Making[],
  name: string,
  hand: Hand,
): Insertion[] {
  const { ts, program } = project;
  const isStrict = program.getCompilerOptions().noPropertyAccessFromIndexSignature === true;
  const variable = isStrict
    ? `process.env[${hand.quote}DATABASE_URL${hand.quote}]`
    : 'process.env.DATABASE_URL';
  const made = `const ${name} = pgReceipts({ connectionString: ${variable} })${hand.semi}`;
  const declared: TypeScript.Node[] = [];
  const migrated: TypeScript.Node[] = [];
  const isWithin = (node: TypeScript.Node, blocks: readonly TypeScript.Node[]): boolean => {
    for (let each: TypeScript.Node | undefined = node; each; each = each.parent)
      if (blocks.includes(each)) return true;
    return false;
  };
  return makings.flatMap((making): Insertion[] => {
    const [use, run] = [around(project, optionsOf(project, making)), around(project, making.call)];
    if (!run.mayAwait)
      throw new Refusal(`${describe(project, making.call)}: it is made where nothing can be awaited.`);
    const lines: [TypeScript.Node, string[]][] = [];
    if (!isWithin(use.block, declared)) lines.push([use.statement, [...explanation, made]]);
    declared.push(use.block);
    // A line that begins with one of these would go on with the line before it.
    const semi = /^[([`/+-]/.test(run.statement.getText()) ? ';' : hand.semi;
    if (!migrated.includes(run.block)) lines.push([run.statement, [`await ${name}.migrate()${semi}`]]);
    migrated.push(run.block);
    return lines.map(([statement, added]) => linesBefore(ts, statement, added, hand));
  });
}

/** What is added to one file, none of whose workers has the plugin. */
export function guardAdded(
  project: Project,
  makings: readonly Making[],
  chosen: Chosen | undefined,
): Insertion[] {
  const { ts } = project;
  const [first] = makings;
  if (!first) return [];
  const anchor = anchorIn(project, first.file);
  const { hand } = anchor;
  const workers = makings.filter(({ makes }) => makes === 'worker');
  const bundles = makings.filter(({ makes }) => makes === 'bundle');
  const imports: Imported[] = ['pgReceipts', 'ActivityGuardPlugin'];
  const receipts = nameFor(project, first.file, imports);
  const given = receipts === 'receipts' ? receipts : `receipts: ${receipts}`;
  const quoted = (text: string): string => `${hand.quote}${text}${hand.quote}`;
  const pluginOf = (making: Making): string => {
    if (making.makes === 'bundle') return 'new ActivityGuardPlugin({ receipts: pgReceipts({}) })';
    const guard = chosen?.makings.includes(making) ? `, guard: [${quoted(chosen.name)}]` : '';
    return `new ActivityGuardPlugin({ ${given}${guard} })`;
  };
  return [
    linesAfter(
      ts,
      anchor.statement,
      imports.map((name) => importLine(name, anchor)),
      hand,
    ),
    ...receiptsInserted(project, workers, receipts, hand),
    ...bundles.map(({ call }) => linesBefore(ts, around(project, call).statement, bundleExplanation, hand)),
    ...makings.flatMap((making) =>
      pluginInserted(project, optionsOf(project, making), pluginOf(making), hand),
    ),
  ];
}

/**
 * One more name in the `guard` of the plugins of a file.
 * @throws Refusal where they are not written out
 */
export function nameAdded(project: Project, making: Making, activity: string): Insertion[] {
  const { ts } = project;
  const { file } = making;
  const { hand } = anchorIn(project, file);
  const name = `${hand.quote}${activity}${hand.quote}`;
  const plugins = pluginsIn(project, file);
  const [plugin] = plugins;
  const [options] = plugin?.arguments ?? [];
  if (plugins.length !== 1 || !options || !ts.isObjectLiteralExpression(options))
    throw new Refusal(
      `${shownPath(project.root, file.fileName)}: which plugin is to guard ${activity} is not understood.`,
    );
  const guard = propertyOf(project, options, 'guard');
  if (!guard) return appended(ts, file, options.properties, [`guard: [${name}]`], hand.eol);
  if (!ts.isPropertyAssignment(guard) || !ts.isArrayLiteralExpression(guard.initializer))
    throw new Refusal(`${describe(project, guard)}: this list is not written out.`);
  return appended(ts, file, guard.initializer.elements, [name], hand.eol);
}
