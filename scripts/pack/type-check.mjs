// Compiles a project with a TypeScript of its own, and tells errors in the user's program or in our declarations. Those of other
// packages are not checked: that they pass under each option is not ours, and takes minutes.
//   node type-check.mjs <folder of typescript> <tsconfig.json>
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const [compiler, config] = process.argv.slice(2);
const ts = createRequire(import.meta.url)(compiler);

const { config: read } = ts.readConfigFile(config, ts.sys.readFile);
const { options, fileNames, errors } = ts.parseJsonConfigFileContent(read, ts.sys, dirname(config));
const program = ts.createProgram(fileNames, options);
const isOurs = ({ fileName }) =>
  !/node_modules\//.test(fileName) || /node_modules\/activity-guard\//.test(fileName);
const checked = program.getSourceFiles().filter(isOurs);
const problems = [
  ...errors,
  ...program.getOptionsDiagnostics(),
  ...checked.flatMap((file) => [
    ...program.getSyntacticDiagnostics(file),
    ...program.getSemanticDiagnostics(file),
  ]),
];
if (!options.noEmit) program.emit();
const host = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => dirname(config),
  getNewLine: () => '\n',
};
console.log(`${checked.length} files checked\n${ts.formatDiagnostics(problems, host)}`);
process.exitCode = problems.length === 0 && checked.length > fileNames.length ? 0 : 1;
