/** Projects of the shapes that Temporal projects have, beside one folder of packages: those of this repository, and this one as published. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import ts from 'typescript';

import { runCli, type Ended } from '../support/cli-process';

const repository = resolve(__dirname, '../../..');

/** Texts by path. */
export type Files = Readonly<Record<string, string>>;

/** A folder for projects, in which packages are found. */
export class Shelf {
  readonly folder = mkdtempSync(join(tmpdir(), 'init-'));

  constructor() {
    const packages = join(this.folder, 'node_modules');
    mkdirSync(join(packages, '.bin'), { recursive: true });
    for (const name of readdirSync(join(repository, 'node_modules')))
      if (!name.startsWith('.')) symlinkSync(join(repository, 'node_modules', name), join(packages, name));
    const own = join(packages, 'activity-guard');
    cpSync(join(repository, 'dist/src'), join(own, 'dist/src'), {
      recursive: true,
      filter: (name) => !name.endsWith('.map'),
    });
    cpSync(join(repository, 'package.json'), join(own, 'package.json'));
  }

  /** Writes a project; the folders of its files are made. */
  write(name: string, files: Files): Project {
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.folder, name, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    return new Project(join(this.folder, name), files);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** One of them. */
export class Project {
  constructor(
    readonly folder: string,
    private readonly written: Files,
  ) {}

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** The files that are not as they were written. */
  changed(): string[] {
    return Object.keys(this.written).filter((name) => this.read(name) !== this.written[name]);
  }

  init(...args: string[]): Promise<Ended> {
    return runCli(['init', this.folder, ...args], { timeoutMs: 60_000 });
  }
}

/** What is wrong with the types of a project's files, as its own `tsconfig.json` has it. */
export function typeErrors({ folder }: Project): string[] {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  const config = ts.getParsedCommandLineOfConfigFile(join(folder, 'tsconfig.json'), { noEmit: true }, host);
  if (!config) throw new Error(`no tsconfig.json in ${folder}`);
  const program = ts.createProgram(config.fileNames, config.options);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ messageText, file }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
}

/** A package with these dependencies, as npm writes it. */
export const manifest = (more: object = {}): string =>
  `${JSON.stringify(
    {
      ...{ name: 'some-project', version: '0.1.0', private: true },
      dependencies: { '@temporalio/activity': '^1.24.0', '@temporalio/worker': '^1.24.0', nanoid: '3.x' },
      devDependencies: { '@types/node': '^20.0.0', typescript: '^6.0.0' },
      ...more,
    },
    null,
    2,
  )}\n`;

/** As strict as the strictest, but for what is given. */
export const tsconfig = (options: object = {}): string =>
  JSON.stringify({
    compilerOptions: {
      ...{ target: 'es2022', module: 'commonjs', ignoreDeprecations: '6.0', moduleResolution: 'node10' },
      ...{ strict: true, types: ['node'], exactOptionalPropertyTypes: true, noUnusedLocals: true },
      ...{ esModuleInterop: true, skipLibCheck: true, rootDir: '.', outDir: 'lib' },
      ...options,
    },
    include: ['**/*.ts'],
    exclude: ['node_modules'],
  });
