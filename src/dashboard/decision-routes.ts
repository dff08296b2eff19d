/** The steps of a decision: the form, its confirmation, and what came of it. */
import { randomUUID } from 'node:crypto';

import type { Context, Hono } from 'hono';

import type { Receipt, ReceiptStore } from '../core';
import { find, resolve, supersede, tokenOf, type Decided, type Found, type Woken } from '../operator';
import { isSame } from './access';
import { decisionIn, optionsOf, type Decision, type Draft } from './decision';
import { confirmPage } from './decision-pages';
import { receiptPath } from './html';
import type { Links } from './links';
import type { Told } from './page';
import { receiptPage } from './receipt-page';
import { fieldIn, refuse, type Env } from './request';

interface Deciding {
  readonly receipts: ReceiptStore;
  readonly links: Links;
  readonly wake: (receipt: Receipt) => Promise<Woken>;
  readonly onDecided: () => void;
  /** What came of decisions, until it has been shown. */
  readonly told: Map<string, Told>;
}

const mostTold = 100;

const wokenText: Readonly<Record<Woken, string>> = {
  activity: 'The activity that waited for it goes on now.',
  workflow: 'The workflow that waited for it goes on now.',
  none: 'Nobody was found waiting for it.',
  unreachable:
    'Temporal could not be reached: the decision counts, and an activity that waits goes on with its next retry.',
};

const draftIn = (form: Record<string, unknown>): Draft => ({
  token: fieldIn(form, 'token'),
  choice: fieldIn(form, 'choice'),
  result: fieldIn(form, 'result'),
  reason: fieldIn(form, 'reason'),
});

const changed = 'It has changed since you looked at it. Nothing was kept. This is how it stands now.';

export function decisionRoutes(app: Hono<Env>, deciding: Deciding): void {
  const { receipts, links, told } = deciding;
  /** The form that was sent, of whoever may send it, and the receipt that it is about. */
  const sent = async (
    c: Context<Env>,
  ): Promise<{ readonly form: Draft; readonly found: Found } | Response> => {
    const { user, csrf } = c.get('viewer');
    const form = await c.req.parseBody();
    if (user === undefined) return refuse(c, 403, 'Read-only', 'Sign in to decide.');
    if (!isSame(fieldIn(form, 'csrf'), csrf))
      return refuse(c, 403, 'Not taken', 'The form is not of this session. Open the receipt again.');
    const found = await find(receipts, c.req.param('id') ?? '');
    if (!found) return refuse(c, 404, 'No receipt', 'No receipt has this request id in this namespace.');
    return { form: draftIn(form), found };
  };
  const again = (c: Context<Env>, status: 409 | 422, found: Found, words: string, draft?: Draft) =>
    c.html(receiptPage(c.get('frame'), found, { links, draft, told: { isGood: false, words } }), status);

  app.post('/receipts/:id/confirm', async (c) => {
    const given = await sent(c);
    if (given instanceof Response) return given;
    const { form, found } = given;
    const decision = decisionIn(form);
    if (typeof decision === 'string') return again(c, 422, found, decision, form);
    if (tokenOf(found) !== form.token) return again(c, 409, found, changed);
    const option = optionsOf(found).find(({ choice }) => choice === decision.choice);
    if (!option || option.whyNot !== undefined)
      return again(c, 409, found, `Not now: ${option?.whyNot ?? 'nothing is left to decide'}.`, form);
    return c.html(confirmPage(c.get('frame'), found, decision, form));
  });
  app.post('/receipts/:id/decide', async (c) => {
    const given = await sent(c);
    if (given instanceof Response) return given;
    const { form, found } = given;
    const decision = decisionIn(form);
    if (typeof decision === 'string') return again(c, 422, found, decision, form);
    const decided = await carryOut(receipts, found, decision, c.get('viewer').user);
    deciding.onDecided();
    if (!decided.done) return again(c, 409, decided.now, `Not done: ${decided.why}`);
    const id = randomUUID();
    const words = `Done: it is ${decided.now.receipt.state} now. ${wokenText[await deciding.wake(found.receipt)]}`;
    told.set(id, { isGood: true, words });
    const [oldest] = told.keys();
    if (told.size > mostTold && oldest !== undefined) told.delete(oldest);
    return c.redirect(`${receiptPath(found.receipt)}?told=${id}`, 303);
  });
}

function carryOut(
  receipts: ReceiptStore,
  found: Found,
  { choice, token, reason, outcome }: Decision,
  by: string | undefined,
): Promise<Decided> {
  const decider = { token, by, reason };
  return choice === 'supersede'
    ? supersede(receipts, found, decider)
    : resolve(receipts, found, choice, { ...decider, outcome });
}
