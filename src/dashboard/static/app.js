// What the pages can do besides links and forms: look again by themselves, and keys.
const refreshMs = 5000;
const rows = () => [...document.querySelectorAll('a[data-row]')];
const notice = document.getElementById('notice');

const say = (words) => {
  notice.textContent = words;
  notice.hidden = words === '';
};

/** Somebody has begun to fill in a form: it stays, with what he saw beside it. */
let isDirty = false;
document.addEventListener('input', (event) => {
  if (event.target.closest('form.decide')) isDirty = true;
});

/** Who fills in a form, has the focus where it would be lost, or selects a text to copy, is not disturbed. */
function isBusy() {
  const main = document.getElementById('main');
  const active = document.activeElement;
  const hasFocus = main.contains(active) && active !== main && !active.matches('a[href]');
  return isDirty || hasFocus || getSelection()?.isCollapsed === false;
}

const seenIn = (page) => page.querySelector('[data-seen]')?.dataset.seen;

/** The link that has the focus has it again, and what was opened stays open. */
function replaceMain(page) {
  const focused = document.activeElement?.getAttribute('href');
  const old = document.getElementById('main');
  const opened = [...old.querySelectorAll('details')].map(({ open }) => open);
  const main = page.getElementById('main');
  main.querySelectorAll('details').forEach((details, index) => {
    details.open = opened[index] ?? false;
  });
  old.replaceWith(document.adoptNode(main));
  document.title = page.title;
  if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

async function lookAgain(mayDisturb) {
  const from = document.body.dataset.refresh;
  if (from === undefined) return location.reload();
  const response = await fetch(from, { redirect: 'error', headers: { accept: 'text/html' } });
  if (!response.ok) throw new Error(String(response.status));
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  if (page.getElementById('main') === null) throw new Error('another page');
  if (mayDisturb || !isBusy()) {
    isDirty = false;
    say('');
    replaceMain(page);
  } else if (seenIn(page) !== seenIn(document))
    say('It has changed since this page was loaded, and what you decide on would not be taken: reload it.');
}

const tryToLookAgain = (mayDisturb) =>
  lookAgain(mayDisturb).catch(() =>
    say('This page cannot be refreshed right now: what it shows may be old.'),
  );

if (document.body.dataset.refresh !== undefined)
  setInterval(() => {
    if (!document.hidden && !document.querySelector('dialog[open]')) void tryToLookAgain(false);
  }, refreshMs);

function step(by) {
  const all = rows();
  const at = all.indexOf(document.activeElement);
  all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  '/': () => document.querySelector('header input[name=q]')?.focus(),
  r: () => void tryToLookAgain(true),
  u: () => location.assign('/'),
  '?': () => document.getElementById('keys').showModal(),
};

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === 'Escape' && event.target.matches('input, textarea, select')) return event.target.blur();
  if (event.target.closest('input:not([type=radio]), textarea, select, dialog')) return;
  const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
  if (!act) return;
  event.preventDefault();
  act();
});
