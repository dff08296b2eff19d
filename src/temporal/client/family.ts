/** The runs that a reset of one run makes again: what continued it, and its child workflows. */
import type { Client } from '@temporalio/client';

import { isGone } from './gone';
import { readRun, type RecordedCall, type RecordedChild, type RunHistory } from './run-history';

/** What becomes of the calls of one run. */
export interface FamilyMember {
  readonly run: RunHistory;
  /** Nothing is predicted. */
  readonly isUnpredicted: boolean;
  /** Why a call is not made again, or `undefined` where it is. */
  keeps(call: RecordedCall): string | undefined;
  /** Whether a scope that names the run, or its chain, is another one after the reset. */
  losesScope(scope: string | undefined): boolean;
  /** Runs that go through their calls once; a retry of a workflow goes through them again. */
  readonly walk: number;
  /** Scheduled before the point and not done by then: the server dispatches it again, as it was scheduled. */
  isPending(call: RecordedCall): boolean;
}

/** Children, their children, and so on: so many generations, and so many runs in all. */
const deepest = 8;
const mostRuns = 200;

const reusePolicies = { failedOnly: 2, reject: 3, terminateIfRunning: 4 } as const;

/** What the SDK gives a child workflow as id where the workflow gives none; another one after a reset. */
const isDefaultId = (id: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id);

const never = (): false => false;

interface Place {
  /** Generations below the root. */
  readonly depth: number;
  readonly walk: number;
}

/** Reads the family of a run, within limits. */
export class Family {
  readonly members: FamilyMember[] = [];
  readonly notes: string[] = [];
  /** What is done outside of receipts. */
  readonly notPredicted: string[] = [];
  /** What was not looked at, or could not be. */
  readonly missing: string[] = [];
  private eventsLeft: number;
  private walks = 1;

  constructor(
    private readonly client: Client,
    private readonly root: RunHistory,
    private readonly resetTo: number | undefined,
    mostEvents: number,
  ) {
    this.eventsLeft = mostEvents * 2 - root.lastEventId;
  }

  async read(): Promise<void> {
    const { root, resetTo } = this;
    if (root.isCut)
      this.missing.push(
        `Run ${root.runId} has more than ${root.lastEventId} events; the later ones were not read.`,
      );
    if (resetTo === undefined) {
      this.members.push({
        ...{ run: root, isUnpredicted: true, walk: 0 },
        ...{ keeps: () => undefined, isPending: never, losesScope: never },
      });
      for (const child of root.children) await this.readChild(child, undefined, { depth: 1, walk: 0 });
      return;
    }
    const isKept = ({ closedBy }: RecordedCall): boolean => closedBy !== undefined && closedBy < resetTo;
    this.members.push({
      ...{ run: root, isUnpredicted: false, walk: 0, losesScope: never },
      keeps: (call) => (isKept(call) ? 'its outcome stays in history' : undefined),
      isPending: (call) => call.eventId < resetTo && !isKept(call),
    });
    this.listOutside(root, resetTo);
    for (const child of root.children) {
      const kept = child.eventId < resetTo ? 'started before the point: not started again' : '';
      await this.readChild(child, kept, { depth: 1, walk: 0 });
    }
    await this.lookForReset(root);
    await this.readNext(root, '', { depth: 0, walk: 0 });
  }

  /** The members by workflow id. */
  byWorkflow(): FamilyMember[][] {
    const groups = new Map<string, FamilyMember[]>();
    for (const member of this.members) {
      const { workflowId } = member.run;
      groups.set(workflowId, [...(groups.get(workflowId) ?? []), member]);
    }
    return [...groups.values()];
  }

  /** Takes a run whose calls are all kept (why, in words) or all made again (`''`), and what comes of it. */
  private async add(run: RunHistory, kept: string | undefined, { depth, walk }: Place): Promise<void> {
    const { originalExecutionRunId, firstExecutionRunId } = run.info;
    this.members.push({
      ...{ run, isUnpredicted: kept === undefined, isPending: never, walk },
      keeps: () => (kept === '' ? undefined : kept),
      // The root's chain keeps its first run; a child that is started again is the first of another chain.
      losesScope: (scope) => scope === originalExecutionRunId || (depth > 0 && scope === firstExecutionRunId),
    });
    if (kept === '') {
      this.listOutside(run, 0);
      await this.lookForReset(run);
    }
    for (const child of run.children) await this.readChild(child, kept, { depth: depth + 1, walk });
    await this.readNext(run, kept, { depth, walk });
  }

  /** The run after it: a continue-as-new, or a retry of the workflow. A cron tick is not what it was before. */
  private async readNext(run: RunHistory, kept: string | undefined, { depth, walk }: Place): Promise<void> {
    if (run.nextRunId === undefined) return;
    if (run.info.cronSchedule) {
      this.notPredicted.push(
        `Run ${run.nextRunId} is the next cron tick of ${run.workflowId}: ticks are not followed.`,
      );
      return;
    }
    const next = await this.readMember(run.workflowId, run.nextRunId);
    if (next) await this.add(next, kept, { depth, walk: next.info.attempt > 1 ? this.walks++ : walk });
  }

  /** What a reset has made of a run stands in another one, which no event names. */
  private async lookForReset({ workflowId, runId }: RunHistory): Promise<void> {
    const { raw } = await this.client.workflow.getHandle(workflowId, runId).describe();
    const resetRunId = raw.workflowExtendedInfo?.resetRunId;
    if (resetRunId)
      this.missing.push(
        `Run ${runId} of ${workflowId} was reset already: run ${resetRunId}, and what came of it, was not looked at.`,
      );
  }

  private async readChild(child: RecordedChild, kept: string | undefined, place: Place): Promise<void> {
    const { namespace, workflowId, runId, workflowType } = child;
    const name = `child workflow ${workflowId} (${workflowType})`;
    if (runId === undefined) return; // it never began
    if (namespace !== '' && namespace !== this.client.options.namespace) {
      this.missing.push(`The ${name} is in namespace ${namespace}, which was not looked at.`);
      return;
    }
    if (place.depth > deepest) {
      this.missing.push(`The ${name} is more than ${deepest} generations away and was not looked at.`);
      return;
    }
    const run = await this.readMember(workflowId, runId);
    if (!run) return;
    const isOpen = kept === '' && (await this.isOpen(workflowId));
    await this.add(run, kept === '' ? this.restart(child, isOpen) : kept, place);
  }

  /** Why a child that the new run would start again is not started, or `''` where it is. */
  private restart({ workflowId, idReusePolicy, hasCompleted }: RecordedChild, isOpen: boolean): string {
    const isRefused =
      !isDefaultId(workflowId) &&
      (isOpen
        ? idReusePolicy !== reusePolicies.terminateIfRunning
        : idReusePolicy === reusePolicies.reject ||
          (idReusePolicy === reusePolicies.failedOnly && hasCompleted));
    if (isRefused) {
      this.notes.push(
        `Child workflow ${workflowId} ${isOpen ? 'is open' : 'has run'} under an id of its own: the new run's start of it fails as WorkflowExecutionAlreadyStarted.`,
      );
      return `its id is taken: not started again${isOpen ? ', but it goes on' : ''}`;
    }
    if (isOpen) {
      const isEnded = !isDefaultId(workflowId);
      this.notes.push(
        `Child workflow ${workflowId} is open and was started after the point: the new run starts ${isEnded ? 'it again and terminates this one' : 'another one beside it, which makes the same calls under the same ids'}.`,
      );
    }
    return '';
  }

  private async isOpen(workflowId: string): Promise<boolean> {
    try {
      return (await this.client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }

  private async readMember(workflowId: string, runId: string): Promise<RunHistory | undefined> {
    if (this.members.length >= mostRuns || this.eventsLeft <= 0) {
      this.missing.push(`Run ${runId} of ${workflowId} was not looked at: the family is too large.`);
      return undefined;
    }
    try {
      const run = await readRun(this.client, { workflowId, runId }, this.eventsLeft);
      this.eventsLeft -= run.lastEventId;
      if (run.isCut) this.missing.push(`Run ${runId} of ${workflowId} was not read to its end.`);
      return run;
    } catch (error) {
      if (!isGone(error)) throw error;
      this.missing.push(`The history of run ${runId} of ${workflowId} is no longer kept.`);
      return undefined;
    }
  }

  private listOutside(run: RunHistory, from: number): void {
    for (const { eventId, what, name } of run.outside)
      if (eventId >= from)
        this.notPredicted.push(
          `Event ${eventId} of ${run.workflowId}: ${what} ${name}: made again, past the guard.`,
        );
  }
}
