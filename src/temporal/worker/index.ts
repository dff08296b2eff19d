/** For workers. */
export { ActivityGuardPlugin, activityGuardInterceptors } from './plugin';
export type { ActivityGuardOptions, ReconcileOptions } from './plugin';
export { guardActivities } from './resolve-outcome';
export type { GuardActivities } from './resolve-outcome';
export type { NexusCaller } from './nexus';
export type { GuardDefaults } from './guarded-call';
export type { GuardEvent } from '../../core';
