/**
 * The provider: a process of its own that knows nothing of the guard. Its ledger is a file, so that it survives SIGKILL.
 * It fails as providers do: before the effect, after it, and without an answer. Arguments: ledger, port, seed.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { Random } from './random';
import { isDeclined, sharedClock, times, type Charge, type ChargeRequest, type LedgerLine } from './terms';

process.on('disconnect', () => process.exit(1));

const [, , ledger = '', port = '', seed = ''] = process.argv;
const random = new Random(Number(seed));
const lines: LedgerLine[] = existsSync(ledger)
  ? readFileSync(ledger, 'utf8')
      .split('\n')
      .flatMap((line) => (line ? [JSON.parse(line) as LedgerLine] : []))
  : [];
const effects = new Map<string, LedgerLine>();
let count = 0;

function remember(line: LedgerLine): void {
  if (line.type !== 'effect') return;
  count++;
  if (!effects.has(line.requestId)) effects.set(line.requestId, line);
}
lines.forEach(remember);

function write(line: LedgerLine): Charge {
  appendFileSync(ledger, `${JSON.stringify(line)}\n`);
  remember(line);
  return { id: line.id, intent: line.intent };
}

function book({ intent, requestId, epoch, token, isKeyed }: ChargeRequest): Charge {
  const had = isKeyed ? effects.get(requestId) : undefined;
  const all = { intent, requestId, epoch, token, at: sharedClock() };
  return write(
    had ? { type: 'again', ...all, id: had.id } : { type: 'effect', ...all, id: `ch_${count + 1}` },
  );
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** The shares of what goes wrong. */
const fates = [
  [0.72, 'answered'],
  [0.8, 'done, connection reset'],
  [0.86, 'done, status 500'],
  [0.9, 'done, no answer'],
  [0.94, 'not done, connection reset'],
  [1, 'not done, status 429'],
] as const;

function charge(request: ChargeRequest, response: ServerResponse): void {
  if (sharedClock() - request.sentAt > times.wireMs) return send(response, 410, {});
  if (isDeclined(request.intent)) return send(response, 402, {});
  const chance = random.next();
  const fate = fates.find(([share]) => chance < share)?.[1] ?? 'answered';
  if (fate === 'not done, status 429') return send(response, 429, {});
  if (fate === 'not done, connection reset') return void response.socket?.resetAndDestroy();
  const booked = book(request);
  if (fate === 'answered') send(response, 200, booked);
  else if (fate === 'done, status 500') send(response, 500, {});
  else if (fate === 'done, connection reset') response.socket?.resetAndDestroy();
}

/** As everybody sees it: a while behind. */
function find(requestId: string): Charge | null {
  const found = effects.get(requestId);
  return found && found.at + times.lagMs <= sharedClock() ? { id: found.id, intent: found.intent } : null;
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString()) as ChargeRequest;
  if (request.url === '/charge') charge(body, response);
  else send(response, 200, find(body.requestId));
}

createServer((request, response) => void serve(request, response).catch(() => response.destroy())).listen(
  Number(port),
  '127.0.0.1',
  () => process.send?.('ready'),
);
