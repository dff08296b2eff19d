/** `init --check`: which activities act and are not guarded. */
import { asDocumented } from '../support/cli-json';
import { manifest, Shelf, tsconfig, type Files, type Project } from './projects';

/** Each run reads the types of the SDK. */
jest.setTimeout(180_000);

let shelf: Shelf;
beforeAll(() => (shelf = new Shelf()));
afterAll(() => shelf.remove());

const workerWith = (plugin: string): string => `import { Worker } from '@temporalio/worker';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { pgReceipts } from 'activity-guard/pg';
import * as activities from './activities';

const receipts = pgReceipts({});
const names: string[] = [];
void names;

async function run() {
  const plugins = [new ActivityGuardPlugin(${plugin})];
  const worker = await Worker.create({ taskQueue: 'q', workflowsPath: 'w', activities, plugins });
  await worker.run();
}
void run();
`;

const filesWith = (plugin: string): Files => ({
  'package.json': manifest(),
  'tsconfig.json': tsconfig(),
  'src/worker.ts': workerWith(plugin),
  'src/mail.ts': `import nodemailer from 'nodemailer';
const transport = nodemailer.createTransport({});
export class Mailer {
  async deliver(to: string) {
    await transport.sendMail({ to });
  }
}
`,
  'src/activities.ts': `import http from 'node:http';
import { Pool } from 'pg';
import { request } from 'undici';
import { effect, guarded } from 'activity-guard/activity';
import type { Guard } from 'activity-guard';
import { Mailer } from './mail';

const pool = new Pool();
const mailer = new Mailer();
declare const guard: Guard;
declare const untyped: any;

export async function greets(name: string) { return \`Hello, \${name}\`; }
export async function reads(url: string) { return (await fetch(url)).text(); }
export async function readsToo(url: string) { return request(url, { method: 'GET' }); }
export async function selects() { return pool.query('select 1'); }
export async function posts(url: string) { await fetch(url, { method: 'POST' }); }
export async function requests(url: string, options: object) { await request(url, options); }
export async function asks(url: string) { http.request(url, { method: 'DELETE' }).end(); }
export async function mails(to: string) { await mailer.deliver(to); }
export async function inserts() { await pool.query('insert into t values (1)'); }
export async function given(payments: { charge(order: string): Promise<void> }) { await payments.charge('o'); }
export async function unknowable() { await untyped.refund('o'); }
export async function payInvoice(invoice: string) { return invoice; }
export const marked = guarded({ onUnknown: 'hold' }, async (url: string) => fetch(url, { method: 'POST' }));
export async function steps(url: string) { await effect('post', () => fetch(url, { method: 'POST' })); }
export async function wraps(url: string) {
  await guard.execute({ requestId: 'r', action: 'a', payload: url, run: () => fetch(url, { method: 'POST' }) });
}
export async function besides(url: string) {
  await effect('post', () => fetch(url, { method: 'POST' }));
  await fetch(url, { method: 'PUT' });
}
export async function named(url: string) { await fetch(url, { method: 'POST' }); }
export async function recurs(depth: number): Promise<void> { if (depth > 0) await recurs(depth - 1); }
`,
});

interface Found {
  readonly activities: {
    readonly name: string;
    readonly guarding: string | null;
    readonly acts: { kind: string; call: string; line: number; file: string }[];
  }[];
  readonly unguarded: readonly string[];
}

async function checked(project: Project, code: number, ...args: string[]): Promise<Found> {
  const ended = await project.init('--check', '--json', ...args);
  expect({ ...ended, out: '' }).toEqual({ code, out: '', err: '' });
  return asDocumented('init --check', ended.out) as Found;
}

describe('init --check', () => {
  it('finds what acts outside, also in other files, and neither reads nor what is guarded', async () => {
    const project = shelf.write('acts', filesWith("{ receipts, guard: ['named', /^nam/i] }"));
    const { activities, unguarded } = await checked(project, 1);
    const acting = activities.map(({ name, guarding, acts: [act] }) => [
      name,
      guarding,
      act?.kind,
      act?.call,
    ]);
    expect(acting.filter(([, guarding, kind]) => guarding !== null || kind !== undefined).sort()).toEqual([
      ['asks', null, 'http', 'http.request'],
      ['besides', null, 'http', 'fetch'],
      ['given', null, 'name', 'payments.charge'],
      ['inserts', null, 'database', 'pool.query'],
      ['mails', null, 'provider', 'transport.sendMail'],
      ['marked', 'marked', 'http', 'fetch'],
      ['named', 'named', 'http', 'fetch'],
      ['payInvoice', null, 'name', 'payInvoice'],
      ['posts', null, 'http', 'fetch'],
      ['requests', null, 'http', 'request'],
      ['unknowable', null, 'name', 'untyped.refund'],
    ]);
    expect(activities.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['greets', 'reads', 'readsToo', 'selects', 'steps', 'wraps', 'recurs']),
    );
    expect(activities.find(({ name }) => name === 'mails')?.acts[0]).toMatchObject({
      file: 'src/mail.ts',
      line: 5,
    });
    expect([...unguarded].sort()).toEqual(
      acting
        .filter(([, guarding, kind]) => guarding === null && kind !== undefined)
        .map(([name]) => name)
        .sort(),
    );
    expect(project.changed()).toEqual([]);

    const { out, code } = await project.init('--check');
    expect(code).toBe(1);
    expect(out).toMatch(/^guarded +named +src\/activities\.ts:\d+ +fetch \(src\/activities\.ts:\d+\)$/m);
    expect(out).toMatch(
      /^UNGUARDED +mails +src\/activities\.ts:\d+ +transport\.sendMail \(src\/mail\.ts:5\)$/m,
    );
    expect(out).toMatch(/^- +greets +src\/activities\.ts:\d+/m);
    const still = await checked(project, 0, '--except', unguarded.join(','));
    expect(still.unguarded).toEqual([]);
  });

  it('says that it cannot tell where the list of names is not written out, and fails for nothing then', async () => {
    const project = shelf.write('unclear', filesWith('{ receipts, guard: names }'));
    const { activities } = await checked(project, 0);
    expect(activities.find(({ name }) => name === 'posts')).toMatchObject({ guarding: 'unclear' });
  });
});
