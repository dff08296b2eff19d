/** Mutations of the audit log: of what fills it, who may write it, and what finds that it was changed. */
import { inFile } from './mutation';

export const audit = [
  ...inFile(
    'src/stores/postgres/audit-chain.ts',
    ['cli/audit'],
    [
      [3, 'a row that is missing is told', 'if (seq > next) return this.missing();', ''],
      [3, 'a row that was altered is told', 'if (!isItself)', 'if (!isItself && !follows)'],
      [3, 'rows that were cut off are told', 'if (seq < most) return', 'if (seq < 0) return'],
      [3, 'a chain that was made anew is told', 'this.expected.hash === hash', 'hash !== undefined'],
    ],
  ),
  ...inFile(
    'src/stores/postgres/audit-chain.ts',
    ['pg/audit'],
    [[3, 'rows that changed places are told', "'reordered', seq, 'it", "'altered', seq, 'it"]],
    { named: 'first row that was' },
  ),
  ...inFile(
    'src/stores/postgres/audit-log.ts',
    ['pg/audit'],
    [
      [3, 'evidence that was altered is told', ' ?? evidenceProblem(row)', ''],
      [3, 'a head that was altered is told', 'chain.end(last)', 'chain.end()'],
    ],
    { named: 'first row that was' },
  ),
  ...inFile(
    'src/stores/postgres/migrations.generated.ts',
    ['pg/audit'],
    [
      [
        6,
        'who adds to a chain waits for who does so already',
        'added.namespace for update;',
        'added.namespace;',
      ],
      [
        6,
        'workers write the log by its trigger alone',
        'tg_op <> all (tg_argv)\\n    or not',
        'tg_op <> all (tg_argv)\\n    and not',
      ],
      [6, 'workers need no right to the log', 'security definer as $audit_evidence$', 'as $audit_evidence$'],
      [
        4,
        'an outcome that becomes unknown is in the log',
        "perform :SCHEMA.audit_step(new.namespace, new.key, new.request_id, new.epoch, 'unknown'",
        "perform (new, 'unknown'",
      ],
      [
        4,
        'it is in the log once',
        "new.state = 'unknown' and old.state <> 'unknown'",
        "new.state = 'unknown'",
      ],
      [
        3,
        'an outcome that becomes final is in the log',
        'new.final_at is not null and',
        'new.final_at is null and',
      ],
      [4, 'a lease that ran out is in the log once', '(old.looks = 0 and new.looks = 1)', '(true)'],
      [
        3,
        'what is held is not said to be unknown',
        "r.state = 'claimed' and r.lease_until <=",
        'r.lease_until <=',
      ],
      [3, 'what is free is not said to be unknown', 'and (r.doubt or not r.transactional)', ''],
      [6, 'a tenant speaks in its own chain alone', 'and r.namespace = new.namespace\\n', '\\n'],
    ],
    { named: 'audit log' },
  ),
  ...inFile(
    'src/stores/postgres/migrations.generated.ts',
    ['security/privileges'],
    [
      [
        6,
        'workers do not write the log by its functions',
        'revoke all on function :SCHEMA.audit_add(:SCHEMA.audit), ',
        'revoke all on function ',
      ],
    ],
    { named: 'audit_add' },
  ),
  ...inFile(
    'src/stores/postgres/outcome-statements.ts',
    ['pg/audit'],
    [[3, 'a receipt that was written anew is in the log', '  from anew a\n', '  from anew a where false\n']],
    { named: 'written anew' },
  ),
  ...inFile(
    'src/cli/audit.ts',
    ['cli/audit'],
    [
      [
        3,
        'lines that changed places are told',
        "if (problem && problem.kind !== 'missing') break",
        'if (problem) break',
      ],
    ],
    { named: 'swapped' },
  ),
  ...inFile(
    'src/operator/signed.ts',
    ['cli/audit'],
    [
      [3, 'a document that was altered proves nothing', 'return isSigned\n', "return 'type' in document\n"],
      [3, 'a field that is there twice proves nothing', 'textOf(parsed) !== text.trim()', "text === ''"],
      [
        3,
        'only Ed25519 keys sign and verify',
        "key.asymmetricKeyType === 'ed25519' ?",
        "key.type !== 'secret' ?",
      ],
    ],
    { named: 'a signed receipt|a key' },
  ),
];
