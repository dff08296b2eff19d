/** The pages that list receipts: the queue, and what is searched for. */
import type { Receipt } from '../core';
import { shownStates, stateOf } from '../operator';
import { ago, badge, html, nothing, outside, plural, receiptPath, text, time, type Html } from './html';
import { providerLink, type Links } from './links';
import { page, type Frame } from './page';
import type { Need, Queue, Waiting } from './queue';
import type { Hits, Query } from './search';
import type { Answer } from './shared-answer';

const needs: Readonly<Record<Need, string>> = {
  contested: 'Sources contradict each other: a person decides.',
  unknown: 'Nobody knows whether it happened.',
  delegated: 'Handed over more than an hour ago, and not completed.',
};

const whereFrom = ({ origin }: Receipt): Html => {
  const { workflowId, worker, via, client } = origin;
  const from = workflowId ?? worker ?? client ?? via;
  return from === undefined ? nothing : text(from);
};

/** A receipt as a row, and what else is said of it there. */
interface Row {
  readonly receipt: Receipt;
  readonly state: string;
  readonly more?: Html;
}

function table(rows: readonly Row[], moreTitle?: string): Html {
  return html`<table class="list">
    <thead><tr><th>State</th><th>Claimed</th><th>Action</th><th>Request id</th><th>From</th>${moreTitle === undefined ? nothing : html`<th>${moreTitle}</th>`}</tr></thead>
    <tbody>${rows.map(
      ({ receipt, state, more }) => html`<tr>
        <td>${badge(state)}</td>
        <td class="number" title="${receipt.claimedAt}">${ago(receipt.ageMs)}</td>
        <td>${text(receipt.action)}</td>
        <td class="id"><a data-row href="${receiptPath(receipt)}">${text(receipt.requestId)}</a></td>
        <td class="id muted">${whereFrom(receipt)}</td>
        ${more === undefined ? nothing : html`<td class="more">${more}</td>`}
      </tr>`,
    )}</tbody>
  </table>`;
}

/** The last word of each source, and where to look it up. */
function known({ evidence = [], receipt }: Waiting, links: Links): Html {
  const words = new Map(evidence.map(({ source, verdict }) => [source, verdict]));
  const provider = providerLink(links, receipt.requestId);
  return html`${[...words].map(([source, verdict]) => html`<span class="word">${text(source)} ${badge(verdict)}</span> `)}${provider === undefined ? nothing : outside(provider, 'Provider')}`;
}

export function queuePage(
  frame: Frame,
  { value: { waiting, isCut }, at }: Answer<Queue>,
  links: Links,
): Html {
  const asked = html`<p class="muted">Looked at ${time(new Date(at).toISOString())}.</p>`;
  const count = (need: Need): number => waiting.filter((one) => one.need === need).length;
  const counts = (Object.keys(needs) as Need[]).filter((need) => count(need) > 0);
  const main =
    waiting.length === 0
      ? html`<h1>Nothing needs you</h1><p>No outcome is unknown or contested, and nothing that was handed over is stuck.</p>${asked}`
      : html`<h1>${plural(waiting.length, 'receipt')} ${waiting.length === 1 ? 'needs' : 'need'} somebody</h1>
        <ul class="legend">${counts.map((need) => html`<li>${badge(need)} ${count(need)}: ${needs[need]}</li>`)}</ul>
        ${isCut ? html`<p class="problem">There are more than are listed. The oldest are here; find newer ones by <a href="/receipts?state=unknown">search</a>.</p>` : nothing}
        ${table(
          waiting.map((one) => ({ receipt: one.receipt, state: one.need, more: known(one, links) })),
          'What is known',
        )}${asked}`;
  return page(frame, {
    title: waiting.length === 0 ? 'Queue' : `(${waiting.length}) Queue`,
    main,
    place: 'queue',
    refreshFrom: '/',
  });
}

/** A time as a form's field takes it, in UTC. */
const fieldTime = (iso: string | undefined): string => iso?.slice(0, 16) ?? '';

export function searchPage(frame: Frame, query: Query, { receipts, looked, goOnBefore }: Hits): Html {
  const option = (state: string): Html =>
    html`<option ${query.state === state ? html`selected` : nothing}>${state}</option>`;
  const main = html`<h1>Receipts</h1>
    <form class="filters" action="/receipts">
      <label>Text <input name="q" type="search" value="${query.text}" /></label>
      <label>Action <input name="action" value="${query.action}" /></label>
      <label>State <select name="state"><option value="">any</option>${shownStates.map(option)}</select></label>
      <label>Claimed since (UTC) <input name="since" type="datetime-local" value="${fieldTime(query.since)}" /></label>
      <label>before (UTC) <input name="before" type="datetime-local" value="${fieldTime(query.before)}" /></label>
      <button class="primary">Search</button>
    </form>
    <p class="muted">A request id leads to its receipt. Other texts are looked for in request ids, actions, and where claims came
      from (workflow, run, worker …). Of payloads, what <code>redact</code> keeps of them is searched.</p>
    ${receipts.length === 0 ? html`<p><strong>Nothing found</strong> among ${plural(looked, 'receipt')}.</p>` : table(receipts.map((receipt) => ({ receipt, state: stateOf(receipt) })))}
    ${goOnBefore === undefined ? nothing : html`<p>Looked through ${plural(looked, 'receipt')}, back to ${time(goOnBefore)}. <a rel="next" href="${goOn(query, goOnBefore)}">Look through older ones</a></p>`}`;
  return page(frame, { title: 'Receipts', main, place: 'receipts', query: query.text });
}

const goOn = ({ text: q, action, state, since }: Query, before: string): string =>
  `/receipts?${new URLSearchParams({ q, action, state: state ?? '', since: since ?? '', before }).toString()}`;
