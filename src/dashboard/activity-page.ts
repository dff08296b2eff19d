/** Rates and latencies, as charts and as the figures behind them. */
import type { ReceiptStats } from '../core';
import { answers, windows, type Figures, type WindowName } from './figures';
import { html, nothing, plural, span, text, time, type Html } from './html';
import { page, type Frame } from './page';
import type { Answer } from './shared-answer';

const chart = (id: string, title: string): Html =>
  html`<figure class="chart"><figcaption>${title}</figcaption><div id="${id}" role="img" aria-label="${title}; the figures are in the tables below"></div></figure>`;

const ms = (value: number | undefined): string => (value === undefined ? '–' : span(value));

export function activityPage(
  frame: Frame,
  window: WindowName,
  { value: figures, at }: Answer<Figures>,
  stats: Answer<ReceiptStats>,
): Html {
  const choose = (name: string): Html =>
    html`<a href="/activity?window=${name}" ${name === window ? html`aria-current="page"` : nothing}>${name}</a>`;
  const main = html`<h1>Activity</h1>
    <p class="windows"><span>The last</span> ${Object.keys(windows).map(choose)} <span class="muted">of what was claimed; looked at ${time(new Date(at).toISOString())}</span></p>
    ${figures.cutAt === undefined ? nothing : html`<p class="problem">More than ${figures.claims} claims: only those since ${time(figures.cutAt)} are counted.</p>`}
    <div id="charts" class="charts" data-source="/activity.json?window=${window}">
      ${chart('rates', 'Claims a minute, by how they stand now')}${chart('latency', 'From the claim to the receipt, in seconds')}${chart('actions', 'Claims a minute, by action')}
    </div>
    <h2>By action</h2>${byAction(figures)}
    <h2>All receipts</h2>${byState(stats)}
    <p class="muted">How often a receipt was replayed instead of running its effect again is not in the database: it is a metric, <code>activity_guard_claims_total</code> with the answer <code>replayed</code>.</p>`;
  return page(frame, { title: 'Activity', main, place: 'activity', scripts: ['charts'] });
}

const byAction = ({ actions }: Figures): Html =>
  actions.length === 0
    ? html`<p>Nothing was claimed.</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Figures by action"><table class="figures"><thead><tr><th>Action</th><th>Claims</th>${answers.map((name) => html`<th>${name}</th>`)}<th>Median</th><th>95 %</th></tr></thead>
      <tbody>${actions.map(
        ({ action, claims, counts, p50, p95 }) =>
          html`<tr><th scope="row">${text(action)}</th><td>${claims}</td>${answers.map((name) => html`<td>${counts[name]}</td>`)}<td>${ms(p50)}</td><td>${ms(p95)}</td></tr>`,
      )}</tbody></table></div>`;

const byState = ({ value: { states, unresolved, contested }, at }: Answer<ReceiptStats>): Html => {
  const counts = { ...states, 'unknown, or as good as': unresolved, contested };
  return html`<div class="scroll" tabindex="0" role="region" aria-label="All receipts"><table class="figures"><thead><tr>${Object.keys(counts).map((name) => html`<th>${name}</th>`)}</tr></thead>
    <tbody><tr>${Object.values(counts).map((count) => html`<td>${count}</td>`)}</tr></tbody></table></div>
    <p class="muted">${plural(
      Object.values(states).reduce((a, b) => a + b, 0),
      'receipt',
    )}, counted ${time(new Date(at).toISOString())}.</p>`;
};
