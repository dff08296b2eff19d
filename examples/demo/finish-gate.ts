import { activityInfo } from '@temporalio/activity';
import type { ActivityInboundCallsInterceptor, WorkerPlugin } from '@temporalio/worker';
import type { EffectKind } from '../moments';
import { passMoment } from '../moments';
import { KIND_OF_TOOL } from './effects';

/**
 * The demo's hand on a worker, in both runs: the last moment before Temporal hears of an activity's
 * result. Listed after the guard's plugin, so that its interceptor is the outer one and the receipt
 * is written by then.
 */
export function finishGate(client: string): WorkerPlugin {
  return {
    name: 'demo-finish-gate',
    configureWorker: (options) => {
      const { interceptors } = options;
      const activity = [() => ({ inbound: gate(client) }), ...(interceptors?.activity ?? [])];
      return { ...options, interceptors: { ...interceptors, activity } };
    },
  };
}

function gate(client: string): ActivityInboundCallsInterceptor {
  return {
    async execute(input, next) {
      const result: unknown = await next(input);
      const kinds: Partial<Record<string, EffectKind>> = KIND_OF_TOOL;
      const kind = kinds[activityInfo().activityType];
      const [facts] = input.args as [{ orderId: string }];
      if (kind) await passMoment({ stage: 'finished', kind, order: facts.orderId, client });
      return result;
    },
  };
}
