/** As one word for a POSIX shell, whatever is in it. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The command that shows all that is known of a request id, and how to resolve it. An id may look like an option. */
export const showCommand = (requestId: string): string =>
  `activity-guard show ${requestId.startsWith('-') ? '-- ' : ''}${shellWord(requestId)}`;
