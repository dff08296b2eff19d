// Who may import whom: ids <- core <- guard <- claims <- {stores, tools, http, temporal, otel} <- operator <- {testing, cli, dashboard}.
// Imports of types count too, except where a rule says `values`.
const middle = 'stores|tools|http|temporal|otel';
const top = 'operator|testing|cli|dashboard';
const pureNode = '(node:)?(assert|async_hooks|buffer|crypto|events|util)';
/** What workflow and worker share: the files right in src/temporal, or in its folder `shared`. */
const shared = 'temporal/(shared/|[^/]+\\.ts$)';
/** The framework that each file of src/tools adapts to; the other files there need none. */
const frameworks = {
  mcp: '@modelcontextprotocol/sdk',
  openai: '@openai/agents-core',
  langchain: '@langchain/core',
  ai: 'ai',
};
/** What all tools tell a model, in workflows too. */
const words = 'tool-answers\\.ts$';
const packages = (names) => `node_modules/(@types/)?(${names})/`;

const rule = (name, from, to) => ({ name, severity: 'error', from, to });
const src = { path: '^src/' };
const values = { dependencyTypesNot: ['type-only'] };

module.exports = {
  forbidden: [
    rule('no-cycles', src, { circular: true }),
    rule('resolvable', src, { couldNotResolve: true }),
    rule('src-stands-alone', src, {
      path: '^(test|examples|workflows|activities|bench|proof|scripts|dist)/',
    }),
    // A package that is only a dev dependency is missing where the library is used.
    rule('declared-packages', src, {
      pathNot: packages('typescript'),
      dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-bundled'],
      dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional'],
    }),

    rule('ids-are-pure', { path: '^src/ids/' }, { pathNot: '^src/ids/' }),
    rule('core-does-no-io', { path: '^src/core/' }, { pathNot: `^src/(ids|core)/|^${pureNode}$` }),
    rule(
      'guard-needs-core-alone',
      { path: '^src/guard/' },
      { pathNot: `^src/(ids|core|guard)/|^src/system-clock\\.ts$|^(node:)?(crypto|v8)$` },
    ),
    rule(
      'claims-need-the-guard-alone',
      { path: '^src/claims/' },
      { pathNot: '^src/(ids|core|guard|claims)/|^(node:)?(crypto|timers/promises)$' },
    ),
    rule(
      'loose-files',
      { path: '^src/[^/]+\\.ts$' },
      { path: `^src/(${middle}|${top})/|node_modules/`, pathNot: '^src/stores/memory\\.ts$' },
    ),
    rule(
      'layers-look-down',
      { path: `^src/(${middle})/` },
      { path: `^src/(${middle}|${top})/`, pathNot: '^src/$1/' },
    ),
    rule(
      'root-entry-is-for-users',
      { path: '^src/', pathNot: `^src/(${top})/` },
      { path: '^src/index\\.ts$' },
    ),
    rule(
      'root-entry-needs-no-package',
      { path: '^src/index\\.ts$' },
      { path: 'node_modules/', reachable: true },
    ),

    // The middlewares know frameworks by their shape; only the commands `serve` and `dashboard` load a server.
    rule(
      'http-entry-needs-no-package',
      { path: '^src/http/index\\.ts$' },
      { path: 'node_modules/', reachable: true },
    ),
    rule(
      'http-server-for-the-command',
      { path: '^src/', pathNot: '^src/(http/service\\.ts$|dashboard/|cli/(serve|dashboard)\\.ts$)' },
      { path: `${packages('hono|@hono/node-server|express|fastify')}|^src/http/service\\.ts$` },
    ),

    rule(
      'packages-of-the-command-line',
      { path: '^src/', pathNot: '^src/cli/' },
      { path: packages('cli-progress|commander|csv-parse|picocolors') },
    ),
    // `init` works with the compiler of the project that it is run on, and knows its types alone.
    rule('compiler-for-init', { path: '^src/', pathNot: '^src/cli/init/' }, { path: packages('typescript') }),
    rule('compiler-of-the-project', { path: '^src/cli/init/' }, { path: packages('typescript'), ...values }),
    rule(
      'dashboard-for-the-command',
      { path: '^src/', pathNot: '^src/(dashboard/|cli/dashboard\\.ts$)' },
      { path: '^src/dashboard/' },
    ),

    // src/testing makes the databases that tests run in.
    rule(
      'drivers-in-two-files',
      { path: '^src/', pathNot: '^src/(stores/(pg|postgres-js)\\.ts$|testing/)' },
      { path: packages('pg|pg-pool|pg-protocol|postgres') },
    ),
    rule(
      'one-driver-each',
      { path: '^src/stores/(pg|postgres)(-js)?\\.ts$' },
      { path: 'node_modules/', pathNot: packages('$1') },
    ),

    rule(
      'tools-need-guard-and-claims',
      { path: '^src/tools/' },
      {
        path: '^src/',
        pathNot: `^src/(ids|core|guard|claims|tools)/|^src/((system-clock|optional-package)\\.ts$|${words})`,
      },
    ),
    rule(
      'tools-without-a-framework',
      { path: '^src/tools/', pathNot: `^src/tools/(${Object.keys(frameworks).join('|')})[-.]` },
      { path: 'node_modules/' },
    ),
    ...Object.entries(frameworks).map(([file, framework]) =>
      rule(
        `one-framework-for-${file}`,
        { path: `^src/tools/${file}[-.]` },
        { path: 'node_modules/', pathNot: packages(framework) },
      ),
    ),

    rule(
      'otel-api-in-one-entry',
      { path: '^src/', pathNot: '^src/(otel/|cli/metrics[.]ts$)' },
      { path: 'node_modules/@opentelemetry/' },
    ),
    rule(
      'otel-needs-core-and-the-api-alone',
      { path: '^src/otel/' },
      { pathNot: '^src/(core|otel)/|node_modules/@opentelemetry/api/|^(node:)?timers/promises$' },
    ),

    // Workflow code runs in the sandbox, and with it what it shares with the worker.
    rule(
      'workflow-realm',
      { path: '^src/temporal/workflow/' },
      {
        pathNot: `^src/(ids/|temporal/workflow/|${shared}|${words})|${packages('@temporalio/(workflow|common)')}`,
      },
    ),
    rule(
      'common-for-types',
      { path: '^src/temporal/workflow/' },
      { path: packages('@temporalio/common'), ...values },
    ),
    rule(
      'shared-is-bundled-too',
      { path: `^src/${shared}` },
      { pathNot: `^src/(ids/|${shared})|${packages('@temporalio/common')}`, ...values },
    ),
    rule('words-are-bundled-too', { path: `^src/${words}` }, { path: '.', ...values }),
    rule(
      'one-realm-each',
      { path: '^src/temporal/(activity|client)/' },
      { path: '^src/temporal/', pathNot: `^src/(temporal/($1|outcomes)/|${shared})` },
    ),
    rule(
      'one-sdk-package-each',
      { path: '^src/temporal/(activity|client)/' },
      { path: 'node_modules/', pathNot: packages('@temporalio/($1|common)') },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['require', 'node', 'default', 'types'],
    },
  },
};
