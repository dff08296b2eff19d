import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import { serve } from './http-service';
import type { Entry } from './http-service';
import { Ledger } from './ledger';
import { passMoment } from '../moments';
import { announce, endWithParent } from '../parent';

/**
 * A mail provider: receives over SMTP, delivers (into its ledger) whatever comes, twice what comes
 * twice, and says over HTTP which messages it has.
 */
async function main(folder: string): Promise<void> {
  const ledger = await Ledger.open<Entry>(path.join(folder, 'mails.jsonl'));
  const url = await serve([{ path: '/messages', ledger }]);
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    onData: (stream, session, callback) => {
      receive(ledger, stream, session).then(
        () => callback(),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  // A client that dies in the middle of a message is the client's trouble.
  smtp.on('error', () => undefined);
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
  announce({ url, smtpPort: (smtp.server.address() as AddressInfo).port });
}

async function receive(
  ledger: Ledger<Entry>,
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  const raw = Buffer.concat(chunks).toString('utf8');
  const headers = parseHeaders(raw);
  const order = headers.get('x-order') ?? 'none';
  const moment = { kind: 'mail', order, client: session.hostNameAppearsAs } as const;
  if ((await passMoment({ stage: 'received', ...moment })) === 'drop') {
    throw new Error('connection lost');
  }
  await ledger.append({
    id: `ml_${randomUUID().slice(0, 13)}`,
    created: new Date().toISOString(),
    order,
    messageId: headers.get('message-id') ?? '',
    to: session.envelope.rcptTo.map(({ address }) => address),
    bytes: raw.length,
    headers: Object.fromEntries(headers),
  });
  await passMoment({ stage: 'committed', ...moment });
}

/** Headers by lower-case name, folded lines joined. */
function parseHeaders(raw: string): Map<string, string> {
  const [head = ''] = raw.split(/\r?\n\r?\n/, 1);
  const lines = head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

endWithParent();
void main(process.argv[2] ?? '.');
