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
        'entry.namespace for update;',
        'entry.namespace;',
      ],
      [
        6,
        'workers write the log by its trigger alone',
        'tg_op <> all (tg_argv)\\n    or not',
        'tg_op <> all (tg_argv)\\n    and not',
      ],
      [6, 'workers need no right to the log', 'plpgsql security definer\\n', 'plpgsql\\n'],
    ],
    { named: 'audit log' },
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
