// What a user's workflow bundle grows by. Both entries are split, so that what they share counts once.
module.exports = [
  {
    name: 'workflow entries without @temporalio',
    path: ['dist/src/temporal/workflow/interceptors.js', 'dist/src/temporal/workflow/index.js'],
    modifyEsbuildConfig: (config) => ({
      ...config,
      external: ['@temporalio/*'],
      format: 'esm',
      splitting: true,
    }),
    gzip: true,
    limit: '6 kB',
  },
];
