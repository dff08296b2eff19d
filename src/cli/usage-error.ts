/** The call cannot be taken: nothing was done. */
export class UsageError extends Error {}
