// The charts of the page Activity, drawn anew from their figures every few seconds.
const refreshMs = 5000;
const height = 210;
const mostActions = 6;
const colours = ['#2f9e53', '#d9534f', '#4c8dd6', '#8a94a3', '#b08be0', '#d99a1c'];
const source = document.getElementById('charts').dataset.source;
const charts = new Map();

const style = () => getComputedStyle(document.documentElement);
const axis = (more) => ({
  stroke: () => style().getPropertyValue('--muted'),
  grid: { stroke: () => style().getPropertyValue('--line'), width: 1 },
  ticks: { show: false },
  ...more,
});
const line = (label, colour, more) => ({
  label,
  stroke: colour,
  width: 2,
  points: { show: false },
  ...more,
});

function draw(id, data, series, scale) {
  const place = document.getElementById(id);
  const names = series.map(({ label: name }) => name).join();
  const known = charts.get(id);
  if (known?.names === names) return known.chart.setData(data);
  known?.chart.destroy();
  const options = {
    width: place.clientWidth,
    height,
    series: [{ value: (_, seconds) => (seconds === null ? '–' : `${clock(seconds)} UTC`) }, ...series],
    axes: [
      axis({ values: (_, ticks) => ticks.map(clock) }),
      axis({ size: 50, values: (_, ticks) => ticks.map((t) => (t === null ? '' : String(t))) }),
    ],
    scales: { y: scale },
  };
  charts.set(id, { names, chart: new uPlot(options, data, place) });
}

/** All times of the page are UTC. */
const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);

const perMinute = (counts, seconds) => counts.map((count) => (count * 60) / seconds);
const inSeconds = (values) => values.map((ms) => (ms === null ? null : Math.max(ms, 1) / 1000));
const fromZero = { range: (_, __, most) => [0, Math.max(1, most * 1.1)] };

function show({ times, bucketSeconds, counts, p50, p95, actions }) {
  const all = Object.keys(counts);
  const names = all.filter((name) => name === 'committed' || counts[name].some((count) => count > 0));
  draw(
    'rates',
    [times, ...names.map((name) => perMinute(counts[name], bucketSeconds))],
    names.map((name) => line(name, colours[all.indexOf(name)])),
    fromZero,
  );
  draw(
    'latency',
    [times, inSeconds(p50), inSeconds(p95)],
    [
      line('median', colours[2], { points: { show: true } }),
      line('95 %', colours[5], { points: { show: true } }),
    ],
    { distr: 3 },
  );
  const most = actions.slice(0, mostActions);
  draw(
    'actions',
    [times, ...most.map(({ perBucket }) => perMinute(perBucket, bucketSeconds))],
    most.map(({ action }, index) => line(action, colours[index])),
    fromZero,
  );
}

async function refresh() {
  const response = await fetch(source, { redirect: 'error' });
  if (response.ok) show(await response.json());
}

const tryToRefresh = () => refresh().catch(() => undefined); // the next time, perhaps
void tryToRefresh();
setInterval(() => {
  if (!document.hidden) void tryToRefresh();
}, refreshMs);
addEventListener('resize', () => {
  for (const [id, { chart }] of charts)
    chart.setSize({ width: document.getElementById(id).clientWidth, height });
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const { chart } of charts.values()) chart.redraw();
});
