/** The provider of the model: requests arrive when they like, within their time, and effects are counted. */
import type { Context, Flight, World } from './state';
import type { Emit } from './step';

export const put = (next: World, flight: Flight): void => void next.wire.push(flight);

/** What a reading at the provider can say now: both, while the last effect may or may not be readable yet. */
export function readsYes({ effects, lag }: World, what: number): readonly boolean[] {
  if ((effects[what] ?? 0) === 0) return [false];
  return lag > 0 ? [true, false] : [true];
}

/** Whether the provider's answer still finds somebody who waits for it. */
function reply(next: World, { token }: Flight, word: 'yes' | 'no'): void {
  next.attempts = next.attempts.map((attempt) =>
    attempt.at === 'sent' && attempt.token === token ? { ...attempt, word } : attempt,
  );
  if (next.job?.token === token && next.job.at === 'sent' && word === 'yes') {
    next.job = { ...next.job, at: 'settles' };
  }
}

function happens(next: World, { what, keyed }: Flight, { scenario }: Context): void {
  next.effects[what] = (next.effects[what] ?? 0) + 1;
  // The lag ends within a tick, so a reading in that same tick can still miss the effect.
  next.lag = scenario.lagTicks === 0 ? 0 : scenario.lagTicks + 1;
  if (keyed && next.keyAge < 0) next.keyAge = 0;
}

/** Requests that arrive. */
export function providerMoves(world: World, context: Context, emit: Emit): void {
  const { scenario } = context;
  world.wire.forEach((flight, index) => {
    const arrive = (next: World): void => void next.wire.splice(index, 1);
    const which = `the request of epoch ${flight.epoch}`;
    if (scenario.fencing && flight.epoch < world.fence) return emit(`${which} is fenced off`, arrive);
    if (flight.keyed && world.keyAge >= 0 && world.keyAge < (scenario.keyTicks ?? 0)) {
      return emit(`${which} arrives again and is given the first result`, (next) => {
        arrive(next);
        reply(next, flight, 'yes');
      });
    }
    emit(`${which} arrives: an effect`, (next) => {
      arrive(next);
      happens(next, flight, context);
      reply(next, flight, 'yes');
    });
    if (!scenario.rejects) return;
    const decline = (next: World): void => {
      arrive(next);
      reply(next, flight, 'no');
    };
    emit(`${which} arrives and is rejected`, decline, 'fault');
  });
}
