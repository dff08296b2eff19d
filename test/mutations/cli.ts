/** Mutations of what people see of receipts, and decide, on the command line. */
import { inFile } from './mutation';

export const cli = [
  ...inFile(
    'src/operator/shown.ts',
    ['cli/export'],
    [[4, 'what a dead holder left claimed is unknown', "state === 'unknown' ? { unresolved: true } : ", '']],
    { named: 'and list both take' },
  ),
  ...inFile(
    'src/cli/decide.ts',
    ['cli/receipts'],
    [
      [
        3,
        'a decision says what was seen',
        'if (!token) throw new UsageError(`${command} takes --token, ${whyToken}`);',
        '',
      ],
    ],
    { named: 'exits with 2' },
  ),
  ...inFile(
    'src/operator/printable.ts',
    ['cli/terminal'],
    [[3, 'an id does not turn the direction of what is read', '\\u2028-\\u202e', '\\u2028-\\u2029']],
  ),
  ...inFile(
    'src/cli/doctor/doctor.ts',
    ['cli/doctor'],
    [[4, 'a check that fails makes doctor fail', "return count('fail') === 0;", 'return true;']],
    { named: 'contested' },
  ),
  ...inFile(
    'src/cli/doctor/database.ts',
    ['cli/doctor'],
    [
      [
        4,
        'what nobody has found out for long is a failure',
        'oldestMs > mostPauseMs ? fail',
        'oldestMs < 0 ? fail',
      ],
      [
        4,
        'what is open in another namespace is told',
        'unresolved + contested > 0',
        'unresolved + contested < 0',
      ],
    ],
    { named: 'newly unknown' },
  ),
  ...inFile(
    'src/stores/postgres/inspection.ts',
    ['cli/doctor'],
    [
      [
        4,
        'a role without a privilege is told so',
        'where not case lacking.privilege',
        'where case lacking.privilege',
      ],
    ],
    { named: 'privileges' },
  ),
];
