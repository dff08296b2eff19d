/** What is added to package.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Refusal, type TypeScript } from './compiler';
import type { Change, Insertion } from './diff';
import { appended } from './insert';
import { propertyOf } from './calls';
import type { Project } from './project';

interface Manifest {
  readonly version: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const sections = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'] as const;

/** Ours: the ranges that it was tested with are those that it asks for. */
const own = (): Manifest =>
  JSON.parse(readFileSync(join(__dirname, '../../../../package.json'), 'utf8')) as Manifest;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is missing, by the section where it belongs. */
function missing(project: Project, given: Record<string, unknown>): Record<string, Record<string, string>> {
  const { version, peerDependencies, devDependencies } = own();
  const all = Object.assign({}, ...sections.map((name) => given[name])) as Record<string, unknown>;
  const sdk = all['@temporalio/worker'];
  const wanted = {
    dependencies: {
      // No other package of the SDK brings it along.
      '@temporalio/plugin': typeof sdk === 'string' && /^[\^~]?\d/.test(sdk) ? sdk : `^${project.sdkVersion}`,
      'activity-guard': `^${version}`,
      pg: peerDependencies['pg'] ?? '',
    },
    devDependencies: project.files.some(({ fileName }) => /\.[cm]?tsx?$/.test(fileName))
      ? { '@types/pg': devDependencies['@types/pg'] ?? '' }
      : {},
  };
  return Object.fromEntries(
    Object.entries(wanted).map(([section, packages]) => [
      section,
      Object.fromEntries(Object.entries(packages).filter(([name]) => !Object.hasOwn(all, name))),
    ]),
  );
}

/** Each before the first name that sorts after it, as package managers have them; else at the end. */
function sorted(
  { ts }: Project,
  file: TypeScript.SourceFile,
  { properties }: TypeScript.ObjectLiteralExpression,
  packages: Readonly<Record<string, string>>,
  eol: string,
): Insertion[] {
  const last: string[] = [];
  const before = Object.entries(packages).flatMap(([name, range]): Insertion[] => {
    const text = `${JSON.stringify(name)}: ${JSON.stringify(range)}`;
    const next = properties.find((each) => (each.name as TypeScript.StringLiteral).text > name);
    if (next) {
      const at = next.getStart(file);
      return [{ at, text: `${text},${file.text.slice(next.pos, at) || ' '}` }];
    }
    last.push(text);
    return [];
  });
  return [...before, ...(last.length > 0 ? appended(ts, file, properties, last, eol) : [])];
}

/** A section that is not there yet, at the end of the file, indented as the others. */
function newSection(
  project: Project,
  file: TypeScript.SourceFile,
  whole: TypeScript.ObjectLiteralExpression,
  name: string,
  packages: Record<string, string>,
  eol: string,
): Insertion[] {
  const [first] = whole.properties;
  const indentation = /\n([ \t]*)[^\n]*$/.exec(file.text.slice(0, first?.getStart(file) ?? 0))?.[1];
  const pairs = Object.entries(packages).map(
    ([name, range]) => `${JSON.stringify(name)}: ${JSON.stringify(range)}`,
  );
  const text =
    indentation === undefined
      ? `{ ${pairs.join(', ')} }`
      : JSON.stringify(packages, null, indentation).replaceAll('\n', eol + indentation);
  return appended(project.ts, file, whole.properties, [`${JSON.stringify(name)}: ${text}`], eol);
}

/** @throws Refusal where it cannot be read */
export function manifestChange(project: Project): Change {
  const { ts, root } = project;
  const path = join(root, 'package.json');
  const before = readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  const given: unknown = JSON.parse(before);
  const file = ts.parseJsonText(path, before);
  const whole = file.statements[0]?.expression;
  if (!isObject(given) || !whole || !ts.isObjectLiteralExpression(whole))
    throw new Refusal('package.json does not hold an object.');
  const eol = before.includes('\r\n') ? '\r\n' : '\n';
  const insertions = Object.entries(missing(project, given)).flatMap(([section, packages]): Insertion[] => {
    if (Object.keys(packages).length === 0) return [];
    const property = propertyOf(project, whole, section);
    if (!property) return newSection(project, file, whole, section, packages, eol);
    const value = ts.isPropertyAssignment(property) ? property.initializer : undefined;
    if (!value || !ts.isObjectLiteralExpression(value))
      throw new Refusal(`${section} of package.json is not an object.`);
    return sorted(project, file, value, packages, eol);
  });
  return { path, before, insertions };
}
