/** Tells the test which headers a workflow sends: a workflow interceptor for the innermost place. */
import { proxySinks, type Sinks, type WorkflowInterceptors } from '@temporalio/workflow';

import { headerName, nexusHeaderName, readHeader } from '../../src/temporal/header';

/** How a call is found in history: by its kind and its id, or for Nexus by its order. */
export const callName = (kind: 'activity' | 'child' | 'next' | 'nexus', id: string | number): string =>
  `${kind} ${id}`;

export interface HeaderSinks extends Sinks {
  readonly headers: { sent(call: string, header: unknown): void };
}

const { headers: sink } = proxySinks<HeaderSinks>();

export const interceptors = (): WorkflowInterceptors => {
  let operations = 0;
  return {
    outbound: [
      {
        scheduleActivity: (input, next) => {
          sink.sent(callName('activity', input.seq), readHeader(input.headers));
          return next(input);
        },
        startChildWorkflowExecution: (input, next) => {
          sink.sent(callName('child', input.options.workflowId), readHeader(input.headers));
          return next(input);
        },
        startNexusOperation: (input, next) => {
          sink.sent(callName('nexus', ++operations), input.headers[nexusHeaderName]);
          return next(input);
        },
        continueAsNew: (input, next) => {
          sink.sent(callName('next', headerName), readHeader(input.headers));
          return next(input);
        },
      },
    ],
  };
};
