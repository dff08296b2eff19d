/** The search attribute that shows which workflows wait for a decision. */
import type { Context } from '@temporalio/activity';
import { temporal } from '@temporalio/proto';

import type { UnresolvedAttribute } from '../decisions';

const { IndexedValueType: types } = temporal.api.enums.v1;

/** The failure that makes the workflow wait must not wait long for the server. */
const longestAskMs = 2000;

/** Finds the attribute, for the failures of one worker. */
export type AttributeFinder = (context: Context) => Promise<UnresolvedAttribute | undefined>;

/**
 * A workflow that sets an attribute which its namespace has not got fails its task, again and again. So it is named only
 * once the server has been seen to have it; until then a missing one is looked for whenever a workflow is made to wait.
 */
export function attributeFinder(name: string | undefined): AttributeFinder {
  let found: UnresolvedAttribute | undefined;
  let warned = false;
  return async (context) => {
    if (name === undefined || found) return found;
    const problem = await typeOf(name, context).then(
      (type) => {
        if (type === types.INDEXED_VALUE_TYPE_KEYWORD) found = { name, type: 'KEYWORD' };
        else if (type === types.INDEXED_VALUE_TYPE_KEYWORD_LIST) found = { name, type: 'KEYWORD_LIST' };
        else
          return type === undefined
            ? 'the namespace has none of that name'
            : 'it is no Keyword or KeywordList';
        return undefined;
      },
      () => 'the server did not tell its search attributes',
    );
    if (problem !== undefined && !warned) {
      warned = true;
      context.log.warn(
        `activity-guard: the search attribute ${name} is not set on workflows that wait for a decision: ${problem}. Create it (temporal operator search-attribute create --name ${name} --type KeywordList). (Said once per worker.)`,
      );
    }
    return found;
  };
}

async function typeOf(name: string, { client, info: { namespace } }: Context) {
  const { connection } = client;
  if (!('operatorService' in connection)) return undefined;
  const { operatorService } = connection as typeof connection & {
    operatorService: {
      listSearchAttributes(request: {
        namespace: string;
      }): Promise<{ customAttributes?: Record<string, temporal.api.enums.v1.IndexedValueType> | null }>;
    };
  };
  const { customAttributes } = await connection.withDeadline(Date.now() + longestAskMs, () =>
    operatorService.listSearchAttributes({ namespace }),
  );
  return customAttributes?.[name];
}
