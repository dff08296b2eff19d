/** The ids of calls do not change between releases: a replay derives the very headers that a history was recorded with. */
import type { temporal } from '@temporalio/proto';
import { SimplePlugin } from '@temporalio/plugin';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type InjectedSinks } from '@temporalio/worker';

import { ActivityGuardPlugin } from 'activity-guard/worker';
import { headerName, nexusHeaderName, readHeader, type ScopeHeader } from '../../src/temporal/header';
import { recorded } from '../support/histories';
import { quiet } from '../support/quiet';
import { callName, type HeaderSinks } from './header-observer';

type IHeader = temporal.api.common.v1.IHeader | null | undefined;

/** Without what names the run itself: a replay takes the id of the run that was reset for that of the new one. */
function headerOf(header: IHeader): unknown {
  const whole = readHeader<ScopeHeader>(header?.fields ?? {});
  if (!whole) return undefined;
  const { from: _from, rerunOf: _rerunOf, ...identity } = whole;
  return identity;
}

/** The headers of the guard that stand in a history, by the call they went with. */
function recordedHeaders({ events }: temporal.api.history.v1.IHistory): Map<string, unknown> {
  let operations = 0;
  const found = new Map<string, unknown>();
  for (const event of events ?? []) {
    const activity = event.activityTaskScheduledEventAttributes;
    const child = event.startChildWorkflowExecutionInitiatedEventAttributes;
    const nexus = event.nexusOperationScheduledEventAttributes;
    const next = event.workflowExecutionContinuedAsNewEventAttributes;
    if (activity) found.set(callName('activity', activity.activityId ?? ''), headerOf(activity.header));
    if (child) found.set(callName('child', child.workflowId ?? ''), headerOf(child.header));
    if (nexus) found.set(callName('nexus', ++operations), nexus.nexusHeader?.[nexusHeaderName]);
    if (next) found.set(callName('next', headerName), headerOf(next.header));
  }
  for (const [call, header] of found) if (header === undefined) found.delete(call); // sent without the guard
  return found;
}

const sent = new Map<string, unknown>();
const sinks: InjectedSinks<HeaderSinks> = {
  headers: {
    sent: { fn: (_info, call, header) => void sent.set(call, header), callDuringReplay: true },
  },
};

it('every call in a recorded history has the same identity when it is replayed', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: require.resolve('./workflows'),
    plugins: [
      new ActivityGuardPlugin({ receipts: {} as never }), // a replay runs no activity
      new SimplePlugin({
        name: 'header-observer',
        workerInterceptors: { workflowModules: [require.resolve('./header-observer')] },
      }),
    ],
    logger: quiet,
  });
  let compared = 0;
  for (const { name, history } of await recorded()) {
    sent.clear();
    await Worker.runReplayHistory({ workflowBundle, sinks }, history);
    const before = recordedHeaders(history);
    // A later release may say more, but nothing else.
    expect({ name, headers: Object.fromEntries(sent) }).toMatchObject({
      name,
      headers: Object.fromEntries(before),
    });
    compared += before.size;
  }
  expect(compared).toBeGreaterThan(150);
});
