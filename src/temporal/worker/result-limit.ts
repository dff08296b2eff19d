/** How large a result Temporal carries. */
import type { Context } from '@temporalio/activity';
import type { LoadedDataConverter } from '@temporalio/common';

/** The server's default, `limit.blobSize.error`; Temporal Cloud has the same. */
const usualLimitBytes = 2 * 1024 * 1024;

/** No server is set to less; the namespace is asked for its own limit only beyond this. */
const surelyFitsBytes = 128 * 1024;

/** A result stands in a list of payloads, which adds a tag and a length. */
const listBytes = 5;

/** A local activity's result goes into a marker, together with what the SDK notes of the call (ids, type, times). */
const markerBytes = 4096;

const longestAskMs = 2000;

const limits = new WeakMap<object, Promise<number>>();

/**
 * Why an encoded result of this size cannot be sent to Temporal, or `undefined` if it can. Left to itself the SDK
 * fails the attempt retryably (`PayloadsTooLarge`) and the server a workflow task with such a marker: both go on for ever.
 */
export async function tooLarge(
  context: Context,
  converter: LoadedDataConverter,
  bytes: number,
): Promise<string | undefined> {
  // With external storage only a reference is sent.
  if (bytes <= surelyFitsBytes || converter.externalStorage) return undefined;
  const limit = await limitOf(context);
  const takes = bytes + listBytes + (context.info.isLocal ? markerBytes : 0);
  return takes <= limit
    ? undefined
    : `The result takes ${takes} bytes as it is sent to Temporal, which carries ${limit}. Return a reference to it instead.`;
}

/** What the worker's namespace allows: the number that the SDK itself goes by. */
async function limitOf(context: Context): Promise<number> {
  let client;
  try {
    client = context.client;
  } catch {
    return usualLimitBytes; // a mocked environment
  }
  const { namespace } = context.info;
  const known = limits.get(client);
  if (known) return known;
  const asked = client
    .withDeadline(Date.now() + longestAskMs, async () => {
      const { namespaceInfo } = await client.workflowService.describeNamespace({ namespace });
      return Number(namespaceInfo?.limits?.blobSizeLimitError ?? 0) || usualLimitBytes;
    })
    .catch(() => {
      limits.delete(client);
      return usualLimitBytes;
    });
  limits.set(client, asked);
  return asked;
}
