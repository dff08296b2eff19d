/** The chain of the audit log: what the hash of a row is made of, and what breaks it. Pure. */
import { createHash } from 'node:crypto';

/** One row of the log, and one line of its export. */
export interface AuditEntry {
  readonly namespace: string;
  /** Counts from one in each namespace. */
  readonly seq: number;
  /** ISO 8601, to the microsecond. */
  readonly at: string;
  readonly key: string;
  /** Where there was a receipt. */
  readonly requestId?: string | undefined;
  readonly epoch: number;
  readonly source: string;
  readonly verdict: string;
  /** Who said it, where that was a person. */
  readonly actor?: string | undefined;
  readonly note?: string | undefined;
  readonly late: boolean;
  readonly outcomeFormat?: string | undefined;
  readonly outcomeSha256?: string | undefined;
  /** The role that had logged in to the database. */
  readonly role: string;
  /** The hash of the row before it. */
  readonly previous: string;
  readonly hash: string;
}

/** Up to where a chain goes. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first row. */
export const chainStart: AuditHead = { seq: 0, hash: '0'.repeat(64) };

/** The first thing that is wrong with a chain. */
export interface AuditProblem {
  /** `'evidence'`: the row is as it was, and the evidence that it speaks of is not. */
  readonly kind: 'altered' | 'missing' | 'reordered' | 'evidence';
  readonly seq: number;
  readonly why: string;
}

/** All fields, in the order in which they are hashed. */
const fields: Readonly<Record<keyof Omit<AuditEntry, 'hash'>, string>> = {
  namespace: 'string',
  seq: 'number',
  at: 'string',
  key: 'string',
  requestId: 'string?',
  epoch: 'number',
  source: 'string',
  verdict: 'string',
  actor: 'string?',
  note: 'string?',
  late: 'boolean',
  outcomeFormat: 'string?',
  outcomeSha256: 'string?',
  role: 'string',
  previous: 'string',
};
const names = Object.keys(fields) as readonly (keyof typeof fields)[];

/** As the trigger `audit_evidence` computes it. */
export function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  const text = ['activity-guard audit 1', ...names.map((name) => entry[name])].map((field) =>
    field === undefined ? '-' : `${Buffer.byteLength(String(field))}:${String(field)}`,
  );
  return createHash('sha256').update(text.join('')).digest('hex');
}

/** Reads a line of an export. @returns `undefined` for what is none: a field more would be covered by no hash */
export function entryIn(line: string): AuditEntry | undefined {
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(line)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const types: Readonly<Record<string, string>> = { ...fields, hash: 'string' };
  const isTyped = Object.entries(types).every(
    ([name, type]) =>
      typeof value[name] === type.replace('?', '') || (type.endsWith('?') && value[name] === undefined),
  );
  const isKnown = Object.keys(value).every((name) => Object.hasOwn(types, name));
  return isTyped && isKnown ? (value as unknown as AuditEntry) : undefined;
}

/** Follows a chain row by row. */
export class AuditChain {
  /**
   * @param head the row before the first
   * @param expected what the chain has to have at some row, known from elsewhere
   */
  constructor(
    readonly namespace: string,
    public head: AuditHead,
    private readonly expected?: AuditHead,
  ) {}

  /** @returns what is wrong with the next row */
  follow(entry: AuditEntry): AuditProblem | undefined {
    const { seq, previous, hash } = entry;
    const next = this.head.seq + 1;
    if (seq > next) return this.missing();
    const says = (kind: AuditProblem['kind'], at: number, why: string): AuditProblem => ({
      kind,
      seq: at,
      why,
    });
    if (seq < next || entry.namespace !== this.namespace)
      return says('reordered', next, `row ${seq} of ${entry.namespace} stands in its place`);
    const isItself = hashOf(entry) === hash;
    const follows = previous === this.head.hash;
    if (isItself && !follows)
      return says(
        'altered',
        Math.max(next - 1, 1),
        'its hash was made anew: the row after it followed another one',
      );
    if (!isItself)
      return follows
        ? says('altered', seq, 'it has another hash than it says')
        : says('reordered', seq, 'it does not follow the row before it: another one stood in its place');
    this.head = { seq, hash };
    return this.contradicted();
  }

  /** @returns what is wrong with a chain that ends here */
  end(head?: AuditHead): AuditProblem | undefined {
    const { seq, hash } = this.head;
    const most = Math.max(head?.seq ?? 0, this.expected?.seq ?? 0);
    if (seq < most) return this.missing();
    if (head && (head.seq !== seq || head.hash !== hash))
      return { kind: 'altered', seq, why: `the head of the chain says ${head.seq}:${head.hash}` };
    return undefined;
  }

  /** @returns whether it is another chain than the one that is expected */
  contradicted(): AuditProblem | undefined {
    const { seq, hash } = this.head;
    if (this.expected?.seq !== seq || this.expected.hash === hash) return undefined;
    return {
      kind: 'altered',
      seq,
      why: `the chain was made anew up to here: ${this.expected.hash} was expected`,
    };
  }

  private missing(): AuditProblem {
    return { kind: 'missing', seq: this.head.seq + 1, why: 'there is no such row' };
  }
}
