import type { MomentMessage, MomentReply } from '../moments';
import type { Child } from './child';
import { GuardWatch } from './guard-watch';
import type { GuardEventMessage } from './guard-watch';
import { describeMoment, KillPlan } from './kill-plan';
import type { KillPoint } from './kill-plan';
import type { Progress } from './progress';
import type { WorkerPool } from './workers';

/**
 * Kills workers at the planned moments. A process that reports a moment waits for the answer, so
 * the victim dies in that very moment: no sleeping, no luck.
 */
export class Director {
  private readonly plan: KillPlan;
  private readonly guardWatch = new GuardWatch();
  private workers: WorkerPool | undefined;
  private workersKilled = 0;

  constructor(
    points: readonly KillPoint[],
    private readonly progress: Progress,
  ) {
    this.plan = new KillPlan(points);
  }

  /** Whose workers die. */
  commands(workers: WorkerPool): void {
    this.workers = workers;
  }

  /** Listens to a provider or a worker. */
  watch(child: Child): void {
    child.onMessage<GuardEventMessage>('guard-event', ({ event }) => this.guardWatch.add(event));
    child.onMessage<MomentMessage>('moment', ({ id, moment }) => {
      const point = this.plan.take(moment);
      const answer = point?.stage === 'received' ? 'drop' : 'go';
      const reply = (): void => child.send({ type: 'moment-reply', id, answer } satisfies MomentReply);
      if (point === undefined) reply();
      else void this.kill(point, moment.client).then(reply);
    });
  }

  summary(unresolvedIds: ReadonlySet<string>) {
    return {
      guard: this.guardWatch.counts(unresolvedIds),
      kills: this.plan.taken,
      workersKilled: this.workersKilled,
      missed: this.plan.left.map(describeMoment),
    };
  }

  private async kill(point: KillPoint, caller: string): Promise<void> {
    const isVictim = (name: string): boolean => point.victims === 'all' || name === caller;
    const victims = (await this.workers?.kill(isVictim)) ?? [];
    this.workersKilled += victims.length;
    const names = victims.map(({ name, pid }) => `${name} (pid ${pid})`).join(', ');
    // The caller can have died an instant before, of another kill: then it is dead, as planned.
    this.progress.line(`SIGKILL ${names || `${caller}, already dead`}: ${describeMoment(point)}`);
  }
}
