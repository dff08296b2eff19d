/*
 * The guard protocol for one request id: claim, lease, fence, zombie, crash, probe with lag, resolve. README.md says what
 * is modelled, scripts/model.mjs runs it. It states docs/protocol.md and is no translation of the code.
 *
 * Between any two steps of a process the others, and the clock, can go on for any time: that is the pause which makes a
 * zombie. The clock only moves forward and drags all countdowns along. A name that switches.pml has as false takes out
 * the guard beside it.
 */
#include "switches.pml"

mtype = { none, claimed, unknown, released, committed, rejected, silent, yes, no, undetermined };

/* The row. */
mtype state = none;
byte token, epoch;
byte left;                /* of lease and grace together, by the database's clock */
bool doubt;               /* the claim was taken over from an unknown one */
bool evidence;            /* some source has said "committed" */

/* The provider, and the requests on the wire by the token of their attempt. */
byte effects, fence;
byte lag;                 /* until the last effect is surely read */
byte wire[5];             /* 0: nothing; 1: has to arrive before the next tick; ... */
byte sentEpoch[5];

/* The workers, and the sources of evidence: probes, reconcilers, operators. */
byte attempts;
byte renewals = RENEWALS;
byte holds[2];            /* the token of the function that runs */
byte own[2];              /* its own deadline, by its own clocks */
mtype reply[2] = silent;
mtype answer[2] = silent;
byte untilRead[2];        /* so long a source waits after it has raised the fence */

#define LAPSED (state == claimed && left <= GRACE && !LEASE_NEVER_ENDS)
#define HELD (state == claimed && !LAPSED)
#define UNRESOLVED (state == unknown || (LAPSED && !TAKE_OVER_EXPIRED))
#define FREE (state == released || (LAPSED && TAKE_OVER_EXPIRED))
#define CLAIMABLE (FREE || (RETRY && UNRESOLVED))

/* Whatever is written to the row, and whatever a caller is told, goes through these. */
inline become(next) {
  assert(state != committed && state != rejected); /* a settled receipt never changes */
  state = next;
  if :: next == claimed || next == unknown :: else -> left = 0 fi
}
inline writeAs(by, next) {
  assert(token == by || HARM_ONLY); /* a stale token writes nothing */
  become(next)
}
inline grant(to) {
  doubt = (state != none && !FREE);
  become(claimed);
  token = to;
  epoch = (EPOCH_STAYS -> 1 : epoch + 1);
  left = LEASE + GRACE;
  printf("worker %d: claimed, epoch %d\n", me, epoch)
}
inline tellOk() { assert(effects >= 1) }       /* nobody is told "ok" of what did not happen, */
inline tellRejected() { assert(effects < 1) }  /* nor "rejected" of what did */

/* When the function ends, whatever the reason, it can no longer act. */
inline stop() { holds[me] = 0; own[me] = 0; reply[me] = silent }
inline die() { printf("worker %d dies\n", me); stop() }
#define CAN_RENEW (renewals > 0 && HELD && token == t)
inline renew() {
  renewals = (RENEW_WITHOUT_END -> renewals : renewals - 1);
  left = LEASE + GRACE;
  own[me] = LEASE;
  printf("worker %d renews its lease\n", me)
}

#define OPEN (token == t && state == claimed)
#define MAY_SETTLE (OPEN || (token == t && (state == unknown || state == released)) || LATE_SETTLE_OVERWRITES)
#define IN_DOUBT (doubt && !NO_DOUBT)

proctype Worker(byte me) {
  byte t;    /* this attempt's token, made before it asks */
  byte seen; /* the epoch that an answer named; then the one that the effect gets */

end_idle:
  atomic { attempts < ATTEMPTS -> attempts++; t = attempts; printf("worker %d starts attempt %d\n", me, t) }

end_ask: /* Waits while another one holds the row and, unless it may retry, for the end of an unknown. */
  if
  :: atomic { !HELD && (RETRY || !UNRESOLVED) -> own[me] = LEASE } /* its deadline counts from before it asks */
  :: atomic { NO_DURABLE_CLAIM -> own[me] = LEASE; holds[me] = t; goto holding }
  fi;
  if
  :: atomic { state == none -> grant(t); seen = epoch; goto granted }
  :: atomic { CLAIMABLE -> seen = epoch; own[me] = LEASE; printf("worker %d may take it over\n", me) }
  :: atomic { state == committed -> printf("worker %d is told ok\n", me); tellOk(); goto over }
  :: atomic { state == rejected -> printf("worker %d is told no\n", me); tellRejected(); goto over }
  :: atomic { HELD || (UNRESOLVED && !RETRY) -> own[me] = 0; goto end_ask }
  fi;
  if /* the second round trip: compare-and-set on the epoch that was seen */
  :: atomic { (epoch == seen && CLAIMABLE) || NO_EPOCH_CHECK -> grant(t); seen = epoch }
  :: atomic { else -> own[me] = 0; goto end_ask }
  fi;

granted: /* the answer arrives */
  atomic { holds[me] = t; if :: OWN_FROM_ANSWER -> own[me] = LEASE :: else fi };

holding:
  if
  :: atomic { own[me] > 0 || NO_FENCE -> /* fence() and the send; a pause between them counts as time on the wire */
       if :: SETTLE_FIRST && MAY_SETTLE -> writeAs(t, committed) :: else fi;
       wire[t] = WIRE + 1; sentEpoch[t] = seen; printf("worker %d sends\n", me) }
  :: atomic { true -> printf("worker %d cannot start, or send\n", me); stop(); goto release } /* not committed */
  :: atomic { CAN_RENEW -> renew(); goto holding }
  :: atomic { true -> printf("worker %d lost the answer and asks again\n", me); stop(); own[me] = LEASE; goto again }
  :: atomic { true -> die(); goto over }
  fi;
sent:
  if
  :: atomic { reply[me] == yes -> stop(); goto settle }
  :: atomic { reply[me] == no -> stop(); goto reject }
  :: atomic { true -> printf("worker %d: time-out\n", me); stop();
       if :: RELEASE_ON_THROW -> goto release :: else -> goto mark fi }
  :: atomic { CAN_RENEW -> renew(); goto sent }
  :: atomic { true -> die(); goto over }
  fi;

again: /* The same token is the same claim, with what is left of its lease. */
  if
  :: atomic { OPEN && own[me] + left > LEASE + GRACE -> own[me] = own[me] + left - LEASE - GRACE; goto granted }
  :: atomic { else -> own[me] = 0; goto release }
  fi;

  /* What a holder writes in the end: each is one statement, guarded by its token. */
settle:
  if
  :: atomic { MAY_SETTLE -> printf("worker %d settles\n", me); writeAs(t, committed); goto tells }
  :: atomic { else -> printf("worker %d is late: evidence\n", me); evidence = true; goto tells }
  :: atomic { true -> die(); goto over }
  fi;
tells:
  atomic { tellOk(); goto over };
reject:
  if
  :: atomic { OPEN && !IN_DOUBT -> printf("worker %d: rejected\n", me); writeAs(t, rejected); tellRejected(); goto over }
  :: atomic { else -> goto mark } /* in doubt it says nothing of the attempt before */
  :: atomic { true -> die(); goto over }
  fi;
mark:
  if
  :: atomic { OPEN -> printf("worker %d marks it unknown\n", me); writeAs(t, unknown);
       if :: MARK_ENDS_LEASE -> left = 0 :: else fi; goto over }
  :: atomic { else -> goto over }
  :: atomic { true -> die(); goto over }
  fi;
release:
  if
  :: atomic { OPEN || (STALE_RELEASE && state == claimed) -> printf("worker %d gives the claim back\n", me);
       if :: IN_DOUBT -> writeAs(t, unknown) :: else -> writeAs(t, released) fi; goto over }
  :: atomic { else -> goto over }
  :: atomic { true -> die(); goto over }
  fi;

over:
  atomic { stop(); t = 0; seen = 0; goto end_idle }
}

#define FENCED_OFF(k) (FENCES && sentEpoch[k] < fence)
#define DUPLICATE (DEDUPLICATES && effects > 0)

inline replyTo(k, what) {
  if
  :: holds[0] == k -> reply[0] = what
  :: holds[1] == k -> reply[1] = what
  :: else
  fi
}
inline arrive(k) {
  if
  :: printf("request %d is lost\n", k)
  :: FENCED_OFF(k) -> printf("request %d is fenced off\n", k)
  :: !FENCED_OFF(k) && DUPLICATE -> printf("request %d gets the first one's result\n", k); replyTo(k, yes)
  :: !FENCED_OFF(k) && !DUPLICATE -> printf("request %d is declined\n", k); replyTo(k, no)
  :: !FENCED_OFF(k) && !DUPLICATE -> printf("request %d arrives: EFFECT\n", k); replyTo(k, yes);
     assert(sentEpoch[k] > 0); /* no effect without a durable claim */
     effects++;
     lag = (LAG > 0 -> LAG + 1 : 0)
  fi;
  if :: FENCES && sentEpoch[k] > fence -> fence = sentEpoch[k] :: else fi;
  wire[k] = 0; sentEpoch[k] = 0
}

active proctype Provider() {
end:
  do
  :: atomic { wire[1] > 0 -> arrive(1) }
  :: atomic { wire[2] > 0 -> arrive(2) }
  :: atomic { wire[3] > 0 -> arrive(3) }
  :: atomic { wire[4] > 0 -> arrive(4) }
  od
}

#define SAME_CLAIM (epoch == about || RESOLVE_ANY_EPOCH)
#define NO_COUNTS ((wasPastGrace || GRACE_FROM_ANSWER) && left == 0 || PROBE_WITHOUT_GRACE)

proctype Source(byte me) {
  byte about;
  bool wasPastGrace; /* when the question was put; the database checks again */

end:
  atomic { UNRESOLVED ->
    about = epoch; wasPastGrace = (left == 0); printf("source %d is asked about epoch %d\n", me, about);
    if :: !FENCES || FENCE_NOT_RAISED -> goto reads :: else fi };
  atomic { fence = (about + 1 > fence -> about + 1 : fence); printf("source %d raises the fence\n", me);
    untilRead[me] = (READ_AT_ONCE -> 0 : LAG + 1) };
  untilRead[me] == 0;
reads:
  if
  :: atomic { effects > 0 -> answer[me] = yes; printf("source %d finds the effect\n", me) }
  :: atomic { effects == 0 || lag > 0 || (ERRS && evidence) -> answer[me] = no; printf("source %d finds nothing\n", me) }
  :: answer[me] = undetermined
  fi;
  atomic {
    if
    :: answer[me] == yes && SAME_CLAIM && (UNRESOLVED || FREE) ->
       become(committed); printf("source %d resolves: committed\n", me)
    :: answer[me] == no && SAME_CLAIM && UNRESOLVED && NO_COUNTS && (!evidence || EVIDENCE_NO_VETO) ->
       doubt = false; become(released); printf("source %d resolves: released\n", me)
    :: else
    fi;
    about = 0; wasPastGrace = false; answer[me] = silent;
    if :: !ASK_ONCE -> goto end :: else fi
  }
}

active proctype Webhook() {
end:
  atomic { ERRS && effects > 0 -> evidence = true; printf("a webhook says: committed\n") }
}

#define MAY_WAIT(k) (wire[k] != 1 || PAUSES)
#define DROP(x) x = (x > 0 -> x - 1 : 0)
#define DROP_WIRE(k) wire[k] = (wire[k] > 1 -> wire[k] - 1 : wire[k])

active proctype Clock() {
end:
  do
  :: d_step {
       MAY_WAIT(1) && MAY_WAIT(2) && MAY_WAIT(3) && MAY_WAIT(4) &&
       (left > 0 || own[0] > 0 || own[1] > 0 || lag > 0 || untilRead[0] > 0 || untilRead[1] > 0) ->
       printf("a tick\n");
       DROP(left); DROP(own[0]); DROP(own[1]); DROP(lag); DROP(untilRead[0]); DROP(untilRead[1]);
       DROP_WIRE(1); DROP_WIRE(2); DROP_WIRE(3); DROP_WIRE(4)
     }
  od
}

init {
  atomic {
    run Worker(0); run Worker(1); run Source(0);
    if :: SOURCES > 1 -> run Source(1) :: else fi
  }
}

#define TWO_HOLDERS (holds[0] > 0 && own[0] > 0 && holds[1] > 0 && own[1] > 0)
#define ROW_IS_WRONG (((state == released || state == rejected) && effects > 0) || (state == committed && effects == 0))

active proctype Invariants() {
end:
  atomic {
    effects > 1 || (!HARM_ONLY && (TWO_HOLDERS || ROW_IS_WRONG)) ->
    assert(effects <= 1);
    assert(!TWO_HOLDERS);                        /* at most one holder may act */
    assert(state != released || effects == 0);   /* what is released has not happened, */
    assert(state != rejected || effects == 0);   /* nor what is rejected, */
    assert(state != committed || effects > 0)    /* and what is committed has */
  }
}

ltl heldEnds { [] (HELD -> <> !HELD) }
ltl unknownEnds { (<> [] (answer[0] != undetermined)) -> [] (UNRESOLVED -> <> !UNRESOLVED) }
ltl endsAnyway { [] (UNRESOLVED -> <> !UNRESOLVED) } /* does not hold: nothing but evidence ends an unknown */
