/** One receipt: what is known, what comes next, and what may be decided. */
import { isFree, isSettled, isUnresolved, type Evidence, type Receipt } from '../core';
import { nextGenerationOf } from '../ids';
import { isOpen, stateOf, tokenOf, workflowLink, type Found } from '../operator';
import { meanings, openFor, optionsOf, type Draft, type Option } from './decision';
import {
  ago,
  badge,
  html,
  nothing,
  outside,
  receiptPath,
  span,
  text,
  time,
  visible,
  type Html,
} from './html';
import { csrfField, page, type Frame, type Told } from './page';
import { providerLink, type Links } from './links';
import { statementsOf, timelineOf, type Moment } from './timeline';

/** What the page shows beside the receipt itself. */
export interface Shown {
  readonly links: Links;
  readonly told?: Told | undefined;
  /** What was filled in, where it could not be taken. */
  readonly draft?: Draft | undefined;
}

export function receiptPage(frame: Frame, found: Found, { links, told, draft }: Shown): Html {
  const { receipt } = found;
  const main = html`<p class="crumb"><a href="/">Queue</a></p>
    <h1 class="id">${text(receipt.requestId)}</h1>
    <p class="lead">${badge(stateOf(receipt))} ${text(receipt.action)}, claimed ${ago(receipt.ageMs)}. ${saying(found)}${nextGeneration(receipt)}</p>
    <div class="columns" data-seen="${tokenOf(found)}">
      <section class="evidence">${evidenceBySource(found)}</section>
      <section class="side">${nextSteps(frame, found, links, draft)}</section>
      <div class="rest">
        <section><h2>Timeline</h2>${timeline(found, links)}</section>
        <section><h2>Facts</h2>${facts(receipt)}</section>
      </div>
    </div>`;
  return page(frame, {
    title: visible(receipt.requestId),
    main,
    told,
    refreshFrom: draft ? undefined : receiptPath(receipt),
  });
}

/** The state, in a sentence. */
function saying(found: Found): string {
  const { receipt } = found;
  const { state } = receipt;
  if (receipt.contested) return 'Sources contradict each other: nothing but the word of a person settles it.';
  if (isUnresolved(receipt)) return 'Nobody knows whether it happened, and nothing runs until that is known.';
  if (isFree(receipt)) return 'It did not happen; the next attempt runs it.';
  if (state === 'claimed') return 'Somebody is doing it right now.';
  if (state === 'delegated') return 'It was handed over, and is completed from elsewhere.';
  if (state === 'superseded') return 'It was let happen once more: the next call has a receipt of its own.';
  if (state === 'pruned') return 'It was settled long ago, and what is left is its tombstone.';
  const isSure = receipt.finality === undefined || receipt.finalAt !== undefined;
  const what = state === 'committed' ? 'It happened' : 'The provider said no, or it was undone';
  return `${what}; every caller gets that.${isSure ? '' : ' It is not final yet.'}`;
}

/** Where what was superseded goes on, once it has been called again. */
function nextGeneration({ state, requestId }: Receipt): Html {
  if (state !== 'superseded') return nothing;
  const next = nextGenerationOf(requestId);
  return html` <a href="${receiptPath({ requestId: next })}">${text(next)}</a>`;
}

function nextSteps(frame: Frame, found: Found, links: Links, draft: Draft | undefined): Html {
  const { receipt } = found;
  const workflow = workflowLink(receipt.origin, links.ui);
  const provider = providerLink(links, receipt.requestId);
  const places = [
    ...(provider === undefined ? [] : [html`<li>${outside(provider, 'Look it up at the provider')}</li>`]),
    ...(workflow === undefined ? [] : [html`<li>${outside(workflow, 'The workflow in Temporal')}</li>`]),
  ];
  const options = optionsOf(found);
  const openMs = openFor(found);
  return html`<h2>${isOpen(found) ? 'What to do now' : 'Where to look'}</h2>
      ${isOpen(found) ? html`<p>Find out at the provider whether it happened, then say what you found.</p>` : nothing}
      ${places.length === 0 ? nothing : html`<ul class="places">${places}</ul>`}
      ${openMs > 0 ? html`<p class="wait">For <strong>${span(openMs)}</strong> more the effect may still arrive. Not finding it says nothing before that; what you see of it counts at once.</p>` : nothing}
      ${options.length === 0 ? html`<p>${receipt.state === 'claimed' ? 'Nothing to decide while somebody holds it.' : 'Nothing is left to decide.'}</p>` : mayDecide(frame, found, options, draft)}`;
}

function mayDecide(frame: Frame, found: Found, options: readonly Option[], draft: Draft | undefined): Html {
  if (frame.viewer.user !== undefined) return decisionForm(frame, found, options, draft);
  return frame.takesToken
    ? html`<p><a class="button primary" href="/sign-in?next=${encodeURIComponent(receiptPath(found.receipt))}">Sign in to decide</a></p>`
    : html`<p class="muted">Read-only: this dashboard was started without a token.</p>`;
}

function decisionForm(
  frame: Frame,
  found: Found,
  options: readonly Option[],
  draft: Draft | undefined,
): Html {
  const { receipt } = found;
  const isSettledNow = isSettled(receipt);
  const choose = ({ choice, whyNot }: Option): Html => {
    const { label, effect } = meanings[choice];
    return html`<label class="choice ${choice}">
      <input type="radio" name="choice" value="${choice}" required ${whyNot === undefined ? nothing : html`disabled`} ${draft?.choice === choice ? html`checked` : nothing} />
      <span><strong>${isSettledNow && choice !== 'supersede' ? 'Confirm it' : label}</strong> <small>${whyNot === undefined ? effect : `Not now: ${whyNot}.`}</small></span>
    </label>`;
  };
  return html`<form class="decide" method="post" action="${receiptPath(receipt)}/confirm">
    ${csrfField(frame.viewer.csrf)}<input type="hidden" name="token" value="${draft?.token ?? tokenOf(found)}" />
    <fieldset><legend>What became of it?</legend>${options.map(choose)}</fieldset>
    ${
      options.some(({ choice }) => choice === 'committed') && !isSettledNow
        ? html`<label class="result">Result for the callers, as JSON (if you know it)
      <textarea name="result" rows="3" spellcheck="false" placeholder='{"id": "ch_1"}'>${draft?.result ?? ''}</textarea></label>`
        : nothing
    }
    <label>Why (kept with your name)
      <textarea name="reason" rows="2" maxlength="2000" required>${draft?.reason ?? ''}</textarea></label>
    <button class="primary">Continue …</button>
  </form>`;
}

/** Side by side, one column for each source: its last word first. */
function evidenceBySource(found: Found): Html {
  const bySource = new Map<string, Evidence[]>();
  for (const said of statementsOf(found))
    bySource.set(said.source, [said, ...(bySource.get(said.source) ?? [])]);
  const word = ({ verdict, epoch, at, by, note, late, outcome }: Evidence): Html => html`<li>
    ${badge(verdict)} <span class="muted">attempt ${epoch}, ${time(at)}</span>
    ${by === undefined ? nothing : html`<div>by ${text(by)}</div>`}
    ${note === undefined ? nothing : html`<div class="note">${text(note)}</div>`}
    ${outcome ? html`<div class="muted">with a result (${outcome.format}, ${outcome.bytes.length} bytes)</div>` : nothing}
    ${late ? html`<div class="muted">too late: the outcome was final</div>` : nothing}
  </li>`;
  return html`<h2>Evidence</h2>
    ${bySource.size === 0 ? html`<p class="muted">No source has said anything yet.</p>` : html`<div class="sources">${[...bySource].map(([source, words]) => html`<div class="source"><h3>${text(source)}</h3><ol>${words.map(word)}</ol></div>`)}</div>`}`;
}

function timeline(found: Found, { ui }: Links): Html {
  const row = ({ sinceMs, at, kind, text: words, isToCome, origin }: Moment): Html => {
    const workflow = origin && workflowLink(origin, ui);
    return html`<li class="${kind}${isToCome ? ' to-come' : ''}">
      <span class="when" title="${at}">${sinceMs < 0 ? `-${span(-sinceMs)}` : `+${span(sinceMs)}`}</span>
      <span>${text(words)}${isToCome ? html` <em class="muted">to come</em>` : nothing}
      ${origin && Object.keys(origin).length > 0 ? html`<details><summary>by ${text(origin['workflowId'] ?? origin['worker'] ?? origin['via'] ?? 'whom')}</summary>${pairs(origin)}</details>` : nothing}
      ${workflow === undefined ? nothing : outside(workflow, 'in Temporal')}</span></li>`;
  };
  return html`<ol class="timeline">${timelineOf(found).map(row)}</ol>`;
}

const pairs = (of: Readonly<Record<string, string>>): Html =>
  html`<dl class="pairs">${Object.entries(of).map(([name, value]) => html`<dt>${text(name)}</dt><dd class="id">${text(value)}</dd>`)}</dl>`;

function facts(receipt: Receipt): Html {
  const { outcome, finality } = receipt;
  const known = pairs({
    'request id': receipt.requestId,
    namespace: receipt.namespace,
    attempt: `${receipt.epoch}${receipt.doubt ? ', taken over in doubt' : ''}`,
    policy: `${receipt.policy}${receipt.transactional ? ', transactional' : ''}`,
    claimed: receipt.claimedAt,
    ...(receipt.settledAt === undefined ? {} : { settled: receipt.settledAt }),
    ...(finality ? { final: receipt.finalAt ?? `not yet: ${JSON.stringify(finality)}` } : {}),
    ...(outcome ? { outcome: `${outcome.format}, ${outcome.bytes.length} bytes (not shown)` } : {}),
    fingerprint: receipt.fingerprint,
  });
  return html`${known}<h3>Claimed from</h3>${pairs(receipt.origin)}`;
}
