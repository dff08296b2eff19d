/** What tests of tools share: a mailer that fails as told, and guards of processes that share their receipts. */
import { currentClaim, Guard, memoryReceipts, NotCommittedError, RejectedError, requestId } from '../../src';

export interface Mail {
  readonly invoice: string;
  readonly text: string;
}

/** How a sending fails: before anything happened, after it was sent, or refused for good. */
export type Failing = 'not-sent' | 'cut-off' | 'refused';

/** A mailer, and guards over one store of receipts. */
export class Mailing {
  readonly receipts = memoryReceipts();
  /** What was sent: whose text, under which request id. */
  readonly sent: string[] = [];
  /** How the next sendings fail. */
  readonly failing: Failing[] = [];

  /** Of each slow sending, whether it was told to stop. */
  readonly wereStopped: boolean[] = [];

  /** A process's guard. */
  guard(): Guard {
    return new Guard({ receipts: this.receipts, waitFor: 2000 });
  }

  /** Sends, and tells of it with the request id that the mailer was given. */
  send = async ({ text }: Mail): Promise<{ id: number; reference: string }> => {
    const failing = this.failing.shift();
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (failing === 'not-sent') throw new NotCommittedError('the line was busy');
    if (failing === 'refused') throw new RejectedError('the address does not exist');
    this.sent.push(text);
    if (failing === 'cut-off') throw new Error('socket hang up');
    return { id: this.sent.length, reference: requestId() };
  };

  /** Takes long, until it is told to stop, which it keeps in mind. */
  sendSlowly = async (mail: Mail): ReturnType<Mailing['send']> => {
    const { signal } = currentClaim();
    await new Promise((resolve) => setTimeout(resolve, 120));
    this.wereStopped.push(signal.aborted);
    return this.send(mail);
  };

  /** Without a guard. */
  sendBare = async ({ text }: Mail): Promise<{ id: number }> => {
    const failing = this.failing.shift();
    this.sent.push(text);
    if (failing === 'cut-off') throw new Error('socket hang up');
    return { id: this.sent.length };
  };
}

/** The intent is named by the invoice; the words of a mail do not make it another one. */
export const byInvoice = {
  action: 'send_mail',
  requestId: ({ invoice }: Mail) => `mail:${invoice}`,
  fingerprint: ({ invoice }: Mail) => invoice,
};

/** What the model must read of an outcome. */
export const told = {
  notDone: 'You may call the tool again with the same arguments',
  unknown: 'It is unknown whether this happened (request id mail:7). It was not done again. Do not call',
  refused: 'Refused for good (request id mail:7): the address does not exist',
  conflict: 'belongs to something else',
  inFlight: 'Another call is doing exactly this right now',
};
