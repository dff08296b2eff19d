import { tellParent } from './parent';

/**
 * Lets whoever started a process watch it work. The process tells its parent of each moment and
 * goes on when the parent says so: from outside, it is just slow there. Without a parent it goes
 * on at once.
 */

export type EffectKind = 'charge' | 'payout' | 'ticket' | 'mail';

/** Something that has just happened to a request. */
export interface Moment {
  /**
   * Told by a provider, `received`: nothing is stored yet; and `committed`: stored for good, and
   * not yet answered. Told by a worker, `finished`: the activity has its outcome, and Temporal has
   * not heard of it yet.
   */
  stage: 'received' | 'committed' | 'finished';
  kind: EffectKind;
  order: string;
  /** The name by which the caller introduced itself. */
  client: string;
}

export interface MomentMessage {
  type: 'moment';
  id: number;
  moment: Moment;
}

/** `drop` loses the request, as a network can: the caller gets no answer and nothing is stored. */
export interface MomentReply {
  type: 'moment-reply';
  id: number;
  answer: 'go' | 'drop';
}

const waiting = new Map<number, (answer: MomentReply['answer']) => void>();
let lastId = 0;
let listening = false;

/** Reports a moment and waits for the parent's word. */
export async function passMoment(moment: Moment): Promise<MomentReply['answer']> {
  if (!process.connected) return 'go';
  listen();
  const id = ++lastId;
  const answer = new Promise<MomentReply['answer']>((resolve) => waiting.set(id, resolve));
  tellParent({ type: 'moment', id, moment } satisfies MomentMessage);
  return answer;
}

function listen(): void {
  if (listening) return;
  listening = true;
  process.on('message', (message: Partial<MomentReply>) => {
    if (message.type !== 'moment-reply' || message.id === undefined) return;
    waiting.get(message.id)?.(message.answer ?? 'go');
    waiting.delete(message.id);
  });
}
