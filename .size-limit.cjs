// What a user's workflow bundle grows by. Entries are split, so that what they share counts once.
const alone = (config) => ({ ...config, external: ['@temporalio/*'], format: 'esm', splitting: true });
const workflow = (name) => `dist/src/temporal/workflow/${name}.js`;

module.exports = [
  {
    name: 'workflow entries without @temporalio',
    path: [workflow('interceptors'), workflow('index')],
    modifyEsbuildConfig: alone,
    gzip: true,
    limit: '6.4 kB',
  },
  {
    name: 'the same with tools of agents',
    path: ['interceptors', 'index', 'tools'].map(workflow),
    modifyEsbuildConfig: alone,
    gzip: true,
    limit: '8.8 kB',
  },
  {
    name: 'all but tools, with decisions and undos, without @temporalio',
    path: ['interceptors', 'index', 'outcomes-interceptors', 'outcomes'].map(workflow),
    modifyEsbuildConfig: alone,
    gzip: true,
    limit: '11.2 kB',
  },
];
