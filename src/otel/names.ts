/** The names of attributes, of spans and metrics alike. `docs/telemetry.md` explains them. */
export const attribute = {
  action: 'activity_guard.action',
  answer: 'activity_guard.answer',
  attempt: 'activity_guard.attempt',
  batch: 'activity_guard.batch.kind',
  by: 'activity_guard.by',
  came: 'activity_guard.came',
  epoch: 'activity_guard.epoch',
  errorType: 'error.type',
  namespace: 'activity_guard.namespace',
  replayed: 'activity_guard.replayed',
  requestId: 'activity_guard.request_id',
  verdict: 'activity_guard.verdict',
  waited: 'activity_guard.waited',
} as const;
