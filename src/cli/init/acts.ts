/**
 * What an activity does outside of its process, as far as its text tells: calls of packages that are known to act, of HTTP
 * clients unless they only read, of databases that write, and of names that speak for themselves.
 */
import { calledName, packageDeclaring, symbolOf, visit } from './calls';
import { isOurs, type Activity } from './activities';
import { shownPath, type Project } from './project';
import type { TypeScript } from './compiler';

/** The surest first: what is guarded first is chosen in this order. */
const kinds = ['provider', 'http', 'name', 'database'] as const;

/** Why something counts as acting. */
export type Kind = (typeof kinds)[number];

/** One call that acts. */
export interface Acting {
  readonly kind: Kind;
  /** What is called, without its arguments. */
  readonly call: string;
  readonly file: string;
  readonly line: number;
}

/** How sure it is. */
export const rankOf = ({ kind }: Acting): number => kinds.indexOf(kind);

const providers =
  /^(stripe|@stripe\/.*|braintree|square|@paypal\/.*|@adyen\/.*|plaid|@mollie\/.*|razorpay|nodemailer|@sendgrid\/.*|mailgun\.js|postmark|resend|mailersend|twilio|@vonage\/.*|@slack\/.*|@octokit\/.*|octokit|googleapis|@googleapis\/.*|@google-cloud\/.*|@aws-sdk\/.*|@smithy\/.*|aws-sdk|@azure\/.*|firebase-admin|@hubspot\/.*|jsforce|kafkajs|amqplib|bullmq|nats|web-push|web3|ethers|viem)$/;
const clients =
  /^(fetch|axios|got|ky|undici|undici-types|node-fetch|cross-fetch|superagent|needle|request|@nestjs\/axios|https?|http2)$/;
const databases =
  /^(pg|pg-pool|postgres|mysql2?|better-sqlite3|mssql|oracledb|knex|typeorm|sequelize|drizzle-orm|kysely|mongodb|mongoose|@prisma\/client|\.prisma|ioredis|redis|@redis\/.*)$/;

/** Names of what only looks, or only makes ready. */
const harmless =
  /^(get|list|find|fetch|read|search|retrieve|head|describe|options|query|scan|batchget|count|download|verify|validate|check|preview|construct|is|has|on|once|off|use|connect|init|close|end|quit|disconnect|configure|set(ApiKey|Defaults)|extend|create(Transport|Client|Pool|Connection|Instance|Hash|Server|Agent)?$)/i;
/** Names of what an HTTP client sends; the others are of responses, and of what is made ready. */
const sends = /^(post|put|patch|del|delete|send|fetch|request|stream|default)$/i;
/** Names of what writes, in a database. */
const writes =
  /^(create|insert|update|upsert|delete|remove|save|write|set|hset|add|push|publish|incr|decr|increment|decrement|replace|destroy|drop|truncate|bulk|del)/i;
const writingSql = /^\s*(with\b[\s\S]*\b)?(insert|update|delete|merge|call)\b/i;
/** Names that speak for themselves, of activities and of methods whose code is not here. */
const acting =
  /^(charge|pay|payout|refund|capture|debit|credit|transfer|withdraw|deposit|purchase|buy|checkout|send|mail|email|sms|notify|publish|post|ship|book|reserve|issue|invoice|bill|deploy|provision|terminate)([A-Z_0-9]|$)/;

/** Functions which take what they do from options. */
const byOptions = new Set(['fetch', 'request', 'default', 'stream', 'axios', 'got', 'ky']);

const mostSteps = 5;

/** The leftmost name: `stripe` of `stripe.charges.create`. */
function rootOf({ ts }: Project, node: TypeScript.Expression): TypeScript.Expression {
  let root = node;
  for (;;) {
    if (
      ts.isPropertyAccessExpression(root) ||
      ts.isElementAccessExpression(root) ||
      ts.isCallExpression(root) ||
      ts.isNewExpression(root) ||
      ts.isNonNullExpression(root) ||
      ts.isAwaitExpression(root) ||
      ts.isParenthesizedExpression(root)
    )
      root = root.expression;
    else return root;
  }
}

/** The module that a name was imported from, perhaps by way of a variable; that of the project's own files is none. */
function importedFrom(project: Project, node: TypeScript.Expression, steps = mostSteps): string | undefined {
  const { ts, checker } = project;
  const root = rootOf(project, node);
  const declared = steps > 0 ? checker.getSymbolAtLocation(root)?.declarations?.[0] : undefined;
  if (!declared) return undefined;
  if (ts.isVariableDeclaration(declared) && declared.initializer) {
    const required = /\brequire\(['"]([^'"]+)['"]\)/.exec(declared.initializer.getText())?.[1];
    return required === undefined
      ? importedFrom(project, declared.initializer, steps - 1)
      : packageIn(required);
  }
  let parent: TypeScript.Node = declared;
  while (!ts.isImportDeclaration(parent)) {
    if (ts.isSourceFile(parent) || ts.isStatement(parent)) return undefined;
    parent = parent.parent;
  }
  return ts.isStringLiteral(parent.moduleSpecifier) ? packageIn(parent.moduleSpecifier.text) : undefined;
}

const packageIn = (specifier: string): string | undefined =>
  /^(?:node:)?((?:@[^/]+\/)?[^./][^/]*)/.exec(specifier)?.[1];

/** The package whose function is called. Node's own are named by their module. */
function packageCalled(project: Project, name: TypeScript.Node, call: TypeScript.CallExpression) {
  const symbol = symbolOf(project, name);
  const file = symbol?.declarations?.[0]?.getSourceFile().fileName ?? '';
  const declaring = packageDeclaring(symbol);
  const ofNode = /[\\/]@types[\\/]node[\\/](https?|http2)\.d\.ts$/.exec(file)?.[1];
  const isKnown =
    declaring !== undefined &&
    (providers.test(declaring) || clients.test(declaring) || databases.test(declaring));
  if (ofNode !== undefined || isKnown) return ofNode ?? declaring;
  const isGlobalFetch = name.getText() === 'fetch' && project.ts.isIdentifier(call.expression);
  return importedFrom(project, call.expression) ?? (isGlobalFetch && isForeign(symbol) ? 'fetch' : undefined);
}

/** Not the project's own. */
const isForeign = (symbol: TypeScript.Symbol | undefined): boolean =>
  (symbol?.declarations ?? []).every((each) => each.getSourceFile().isDeclarationFile);

/** What the options of a request say; none at all is a GET. */
function onlyReads(project: Project, call: TypeScript.CallExpression): boolean {
  const { ts } = project;
  for (const argument of call.arguments) {
    if (!ts.isObjectLiteralExpression(argument)) continue;
    const method = argument.properties.find((each) => each.name?.getText() === 'method');
    if (method && ts.isPropertyAssignment(method) && ts.isStringLiteralLike(method.initializer))
      return /^(get|head|options)$/i.test(method.initializer.text);
    return !method && !argument.properties.some(ts.isSpreadAssignment);
  }
  return call.arguments.length < 2;
}

/** AWS clients send commands: what counts is the command. */
function nameOfCommand({ ts }: Project, call: TypeScript.CallExpression, name: string): string {
  const [first] = call.arguments;
  const command = first && ts.isNewExpression(first) ? first.expression.getText() : '';
  return command.endsWith('Command') ? (command.split('.').at(-1) ?? name) : name;
}

function kindOf(
  project: Project,
  call: TypeScript.CallExpression,
  name: TypeScript.MemberName | TypeScript.Identifier,
): Kind | undefined {
  const from = packageCalled(project, name, call) ?? '';
  const { text } = name;
  if (providers.test(from)) return harmless.test(nameOfCommand(project, call, text)) ? undefined : 'provider';
  if (clients.test(from)) {
    const isByOptions = project.ts.isIdentifier(call.expression) || byOptions.has(text);
    return (isByOptions ? onlyReads(project, call) : !sends.test(text)) ? undefined : 'http';
  }
  if (databases.test(from)) {
    const [sql] = call.arguments;
    const isWriting = sql !== undefined && project.ts.isStringLiteralLike(sql) && writingSql.test(sql.text);
    return isWriting || writes.test(text) ? 'database' : undefined;
  }
  return project.ts.isPropertyAccessExpression(call.expression) && acting.test(text) ? 'name' : undefined;
}

/** The code of what is called, where it is the project's own. */
function ownCode(project: Project, name: TypeScript.Node): TypeScript.Node | undefined {
  const { ts } = project;
  const declared = symbolOf(project, name)?.valueDeclaration;
  if (!declared || declared.getSourceFile().isDeclarationFile || packageDeclaring(symbolOf(project, name)))
    return undefined;
  if (
    ts.isVariableDeclaration(declared) ||
    ts.isPropertyAssignment(declared) ||
    ts.isPropertyDeclaration(declared)
  )
    return declared.initializer && ts.isFunctionLike(declared.initializer) ? declared.initializer : undefined;
  return ts.isFunctionLike(declared) && 'body' in declared && declared.body ? declared : undefined;
}

/** Steps of an activity that are guarded by themselves. */
const guards = ['effect', 'guarded', 'execute', 'wrap', 'transaction', 'guardTool'];

/** All calls that act, also in functions of the project that are called; but for what is guarded as a step. */
function actingCalls(project: Project, body: TypeScript.Node): Acting[] {
  const { ts, root } = project;
  const found: Acting[] = [];
  const seen = new Set<TypeScript.Node>();
  const lookInto = (code: TypeScript.Node): void => {
    if (seen.has(code)) return;
    seen.add(code);
    visit(ts, code, (node) => {
      const name = ts.isCallExpression(node) ? calledName(project, node) : undefined;
      if (!ts.isCallExpression(node) || !name) return true;
      if (isOurs(project, name, guards)) return false;
      const own = ownCode(project, name);
      const kind = own ? undefined : kindOf(project, node, name);
      if (own) lookInto(own);
      if (kind) {
        const file = node.getSourceFile();
        const line = file.getLineAndCharacterOfPosition(name.getStart()).line + 1;
        const call = node.expression.getText().replace(/\s+/g, ' ').slice(0, 60);
        found.push({ kind, call, file: shownPath(root, file.fileName), line });
      }
      return true;
    });
  };
  lookInto(body);
  return found;
}

/** What acts in an activity, the surest first. */
export const actsOf = (project: Project, { name, body, file, line }: Activity): Acting[] =>
  [
    ...(body ? actingCalls(project, body) : []),
    ...(acting.test(name) ? [{ kind: 'name' as const, call: name, file, line }] : []),
  ].sort((one, other) => rankOf(one) - rankOf(other));
