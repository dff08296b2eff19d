/** For workers. */
export { ActivityGuardPlugin, activityGuardInterceptors } from './plugin';
export type { ActivityGuardOptions } from './plugin';
export type { GuardDefaults } from './interceptor';
export type { GuardEvent } from '../../core';
