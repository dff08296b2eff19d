/** One step of a call, as a span and in the metrics. */
import { context, SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api';

import type { CallStep, GuardEvent, ObservedCall, StepEnd, StepWatch } from '../core';
import type { Instruments } from './instruments';
import { attribute } from './names';

/** What a claim that ended in an error was answered. */
const answers: Readonly<Record<string, string>> = {
  InFlight: 'in-flight',
  OutcomeUnknown: 'unknown',
  RequestIdReused: 'reused',
  ReceiptPruned: 'pruned',
  ReceiptStoreUnavailable: 'unavailable',
  ResultUnavailable: 'no-result',
};

/** What the events of a settlement say of it; the last one counts. */
const settled = ({ type, verdict }: GuardEvent): string | undefined => {
  if (type === 'settled') return verdict;
  return ['released', 'unknown', 'late', 'delegated', 'unwritten'].includes(type) ? type : undefined;
};

export class Step implements StepWatch {
  private readonly startedAt = performance.now();
  private readonly span: Span;
  /** The context of the whole call: where nothing else is traced, its claim holds its steps together. */
  private readonly around: Context;
  private settledAs: string | undefined;

  constructor(
    tracer: Tracer,
    private readonly instruments: Instruments,
    private readonly step: CallStep,
    private readonly call: ObservedCall,
    before: Step | undefined,
  ) {
    const { requestId, action, attempt } = call;
    const attributes = {
      [attribute.requestId]: requestId,
      [attribute.action]: action,
      [attribute.attempt]: attempt,
    };
    const active = context.active();
    const parent = trace.getSpan(active) ? active : (before?.around ?? active);
    this.span = tracer.startSpan(`activity_guard.${step}`, { attributes }, parent);
    this.around = before?.around ?? trace.setSpan(active, this.span);
  }

  run<T>(work: () => T): T {
    return context.with(trace.setSpan(context.active(), this.span), work);
  }

  note(event: GuardEvent): void {
    const { type, by, verdict } = event;
    this.settledAs = settled(event) ?? this.settledAs;
    this.span.addEvent(`activity_guard.${type}`, {
      ...(by === undefined ? {} : { [attribute.by]: by }),
      ...(verdict === undefined ? {} : { [attribute.verdict]: verdict }),
    });
  }

  end(how: StepEnd): void {
    const { step, span, call } = this;
    const answer = this.answerOf(how);
    const waited = how.waited ?? false;
    span.setAttribute(attribute.answer, answer);
    if (how.epoch !== undefined) span.setAttribute(attribute.epoch, how.epoch);
    if (step === 'claim')
      span.setAttributes({ [attribute.replayed]: answer === 'replayed', [attribute.waited]: waited });
    if (how.error !== undefined) {
      span.setAttribute(attribute.errorType, how.error);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
    const seconds = (performance.now() - this.startedAt) / 1000;
    this.instruments.countStep(step, { action: call.action, answer, seconds, waited });
  }

  private answerOf({ answer, error }: StepEnd): string {
    switch (this.step) {
      case 'claim':
        return answer ?? answers[error ?? ''] ?? 'failed';
      case 'effect':
        return answer ?? 'threw';
      case 'settle':
        return this.settledAs ?? (error === 'OutcomeUnknown' ? 'unknown' : 'unwritten');
      default:
        return this.step satisfies never;
    }
  }
}
