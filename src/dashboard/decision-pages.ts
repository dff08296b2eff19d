/** The step between a form and a decision: it repeats what will happen. */
import type { Found } from '../operator';
import { meanings, type Decision, type Draft } from './decision';
import { html, nothing, receiptPath, text, type Html } from './html';
import { csrfField, page, type Frame } from './page';

export function confirmPage(frame: Frame, found: Found, { choice }: Decision, draft: Draft): Html {
  const { receipt } = found;
  const { label, effect } = meanings[choice];
  const field = (name: string, value: string): Html =>
    html`<input type="hidden" name="${name}" value="${value}" />`;
  const isRisky = choice === 'not-committed' || choice === 'supersede';
  const main = html`<h1>Confirm your decision</h1>
    <form class="panel confirm" method="post" action="${receiptPath(receipt)}/decide">
      ${csrfField(frame.viewer.csrf)}${field('token', draft.token)}${field('choice', choice)}${field('result', draft.result)}${field('reason', draft.reason)}
      <dl class="pairs">
        <dt>Request id</dt><dd class="id">${text(receipt.requestId)}</dd>
        <dt>Action</dt><dd>${text(receipt.action)}</dd>
        <dt>You say</dt><dd><strong>${label}</strong></dd>
        <dt>Then</dt><dd class="${isRisky ? 'risky' : ''}">${effect}</dd>
        ${choice === 'committed' ? html`<dt>Result</dt><dd>${draft.result.trim() === '' ? 'None: callers are told that it happened, and that its result is not known.' : html`<pre>${text(draft.result)}</pre>`}</dd>` : nothing}
        <dt>Why</dt><dd>${text(draft.reason)}</dd>
        <dt>By</dt><dd>${text(frame.viewer.user ?? '')}</dd>
      </dl>
      <p class="muted">If anything has changed since you looked, nothing is done, and you are told.</p>
      <div class="buttons"><button class="${isRisky ? 'danger' : 'primary'}" autofocus>Yes: ${label.toLowerCase()}</button>
      <a class="button" href="${receiptPath(receipt)}">No, back</a></div>
    </form>`;
  return page(frame, { title: label, main });
}
