/* Everything that can be set from outside with -D. */

/* Sizes; times are in ticks of the clock. */
#ifndef ATTEMPTS
#define ATTEMPTS 3  /* of both workers together; 4 at most */
#endif
#ifndef SOURCES
#define SOURCES 1  /* of evidence; 2 at most */
#endif
#ifndef LEASE
#define LEASE 2
#endif
#ifndef RENEWALS
#define RENEWALS 1  /* of all leases together; in life the activity's own time-out ends them */
#endif
#ifndef WIRE
#define WIRE 1  /* the longest from a holder's last check to the arrival of its request */
#endif
#ifndef LAG
#define LAG 1  /* how long a reading at the provider can miss an effect */
#endif
#ifndef GRACE
#define GRACE (WIRE + LAG)
#endif

/* Worlds. */
#ifndef RETRY
#define RETRY false  /* onUnknown: 'retry'; without it nothing but evidence ends an unknown: hold, fail, ask, a probe */
#endif
#ifndef DEDUPLICATES
#define DEDUPLICATES false  /* the provider runs one request of an id, and gives its result to the others */
#endif
#ifndef FENCES
#define FENCES false  /* the provider refuses an epoch below the highest one it was shown */
#endif
#ifndef PAUSES
#define PAUSES false  /* from a holder's last check to the arrival of its request it can take for ever */
#endif
#ifndef ERRS
#define ERRS false  /* a source says "not committed" wrongly, where another one knows better */
#endif

/* Guards of the protocol that are taken out. */
#ifndef NO_DURABLE_CLAIM
#define NO_DURABLE_CLAIM false  /* the effect runs while the store is away */
#endif
#ifndef NO_EPOCH_CHECK
#define NO_EPOCH_CHECK false  /* a row is taken over as it is, not as it was seen */
#endif
#ifndef EPOCH_STAYS
#define EPOCH_STAYS false  /* a new claim has the epoch of the old one */
#endif
#ifndef TAKE_OVER_EXPIRED
#define TAKE_OVER_EXPIRED false  /* a lease that ran out means that nothing happened */
#endif
#ifndef LEASE_NEVER_ENDS
#define LEASE_NEVER_ENDS false  /* a claim stands until its holder ends it */
#endif
#ifndef RENEW_WITHOUT_END
#define RENEW_WITHOUT_END false  /* nothing bounds the renewals of a function that hangs */
#endif
#ifndef NO_FENCE
#define NO_FENCE false  /* a holder sends without looking at its deadline */
#endif
#ifndef OWN_FROM_ANSWER
#define OWN_FROM_ANSWER false  /* its deadline counts from the answer, not from before it asked */
#endif
#ifndef SETTLE_FIRST
#define SETTLE_FIRST false  /* the receipt is written before the effect */
#endif
#ifndef RELEASE_ON_THROW
#define RELEASE_ON_THROW false  /* a time-out means that nothing happened */
#endif
#ifndef MARK_ENDS_LEASE
#define MARK_ENDS_LEASE false  /* marking a row unknown ends its lease */
#endif
#ifndef NO_DOUBT
#define NO_DOUBT false  /* a "no" of a second attempt speaks for the first one, too */
#endif
#ifndef STALE_RELEASE
#define STALE_RELEASE false  /* a release looks at no token */
#endif
#ifndef LATE_SETTLE_OVERWRITES
#define LATE_SETTLE_OVERWRITES false  /* a settle looks at no token and no state */
#endif
#ifndef PROBE_WITHOUT_GRACE
#define PROBE_WITHOUT_GRACE false  /* a "no" counts at once */
#endif
#ifndef GRACE_FROM_ANSWER
#define GRACE_FROM_ANSWER false  /* the grace may end between question and answer */
#endif
#ifndef RESOLVE_ANY_EPOCH
#define RESOLVE_ANY_EPOCH false  /* evidence resolves another claim than the one it speaks of */
#endif
#ifndef EVIDENCE_NO_VETO
#define EVIDENCE_NO_VETO false  /* a "no" counts beside a "yes" */
#endif
#ifndef FENCE_NOT_RAISED
#define FENCE_NOT_RAISED false  /* the provider is read without being shown the next epoch */
#endif
#ifndef READ_AT_ONCE
#define READ_AT_ONCE false  /* it is read before what came ahead of the fence can be seen */
#endif
#ifndef ASK_ONCE
#define ASK_ONCE false  /* no source is asked again */
#endif

/* What is checked: with this, only what can be seen from outside: effects, answers, and that receipts stay. */
#ifndef HARM_ONLY
#define HARM_ONLY false
#endif
