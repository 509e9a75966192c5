import { isPromise } from "node:util/types";
import { OPERATION_NAME, type Tracing } from "../trace-context/index.ts";
import { attempt } from "./attempt.ts";
import type { ClientCall, ProducerLike, TransactionOffsets } from "./client-shape.ts";
import { Delivery, type SendMethod } from "./delivery.ts";
import { observe } from "./observe.ts";
import { listenToProducer } from "./producer-events.ts";
import { ProducerTrail, type ProducerFacts, type SendScope } from "./producer-trail.ts";
import { replaceCalls, type TracedCall } from "./replace-calls.ts";
import { resendUnacknowledged } from "./resend.ts";
import { SendSpan } from "./send-span.ts";
import { startSendOffsets, startTransactionEnd, type SettleSpan } from "./settle-span.ts";

/**
 * Returns a producer that behaves as `producer` does, leaves a span of each call, and gives every message a trace context.
 *
 * It hands the client copies of messages and headers, returns the client's own promises (with `resendUnacknowledged` it
 * must wait, and the promise is its own), and rethrows the client's own errors. Works with kafkajs and, by shape, with
 * Confluent's KafkaJS API. Never throws for a reason of its own.
 */
export function interceptProducer<P extends ProducerLike>(
  producer: P,
  tracing: Tracing,
  config: ProducerFacts,
): P {
  const intercept = () => {
    const trail = new ProducerTrail(producer, tracing, config);
    listenToProducer(producer, trail);
    return interceptSender(producer, trail, trail.scope);
  };
  return tracing.guard.try(intercept) ?? producer;
}

/** Intercepts what sends: a producer, or one transaction of it. */
function interceptSender<S extends object>(sender: S, trail: ProducerTrail, initially: SendScope): S {
  let scope = initially;
  const end = (name: (typeof OPERATION_NAME)["commitTransaction" | "abortTransaction"]): TracedCall => {
    return (call, args) =>
      settle(trail, () => startTransactionEnd(trail, name, scope.transaction), call, args);
  };
  const traced: Readonly<Record<string, TracedCall>> = {
    send: (call, args) => deliver(trail, scope, "send", call, args),
    sendBatch: (call, args) => deliver(trail, scope, "sendBatch", call, args),
    sendOffsets: (call, args) =>
      settle(trail, () => startSendOffsets(trail, args[0] as TransactionOffsets), call, args),
    commit: end(OPERATION_NAME.commitTransaction),
    abort: end(OPERATION_NAME.abortTransaction),
    transaction: (call, args) => {
      const begun = call(...args);
      if (!isPromise(begun)) return begun;
      return begun.then((transaction) => {
        const begin = () => {
          // Confluent's producer is its own transaction.
          if (transaction !== sender) {
            return interceptSender(transaction as object, trail, trail.beginTransaction());
          }
          scope = trail.beginTransaction();
          return proxy;
        };
        return trail.guard.try(begin) ?? transaction;
      });
    },
  };
  const proxy = replaceCalls(sender, traced);
  return proxy;
}

/** Calls `send` or `sendBatch` with copies that carry trace context. */
function deliver(
  trail: ProducerTrail,
  scope: SendScope,
  method: SendMethod,
  call: ClientCall,
  args: unknown[],
): unknown {
  const { guard, tracing, client, resendsUnacknowledged } = trail;
  if (guard.isOpen && !resendsUnacknowledged) return call(...args);
  let delivery: Delivery | undefined;
  let span: SendSpan | undefined;
  if (!guard.isOpen) {
    try {
      delivery = Delivery.of(method, args, tracing, client);
      if (delivery !== undefined) span = new SendSpan(trail, delivery, scope);
    } catch (error) {
      guard.record(error);
    }
  }
  if (span === undefined) {
    // What tracing has touched is not sent when tracing failed; the cure does not depend on it.
    delivery = resendsUnacknowledged ? attempt(() => Delivery.of(method, args, tracing, client)) : undefined;
  }
  if (delivery === undefined) return call(...args);

  let returned: unknown;
  try {
    returned = call(...delivery.args);
  } catch (error) {
    span?.fail(error);
    throw error;
  }
  if (resendsUnacknowledged && isPromise(returned)) {
    const isTransaction = scope.transaction !== undefined;
    return resendUnacknowledged(call, returned, delivery, { span, isTransaction });
  }
  if (span !== undefined) watch(trail, returned, delivery, span);
  return returned;
}

function watch(trail: ProducerTrail, returned: unknown, delivery: Delivery, span: SendSpan): void {
  const succeed = (metadata: unknown) => {
    if (trail.guard.isOpen) return;
    try {
      span.succeed(delivery.acknowledge(metadata));
    } catch (error) {
      trail.guard.record(error);
    }
  };
  trail.guard.try(() => observe(returned, succeed, (error) => span.fail(error)));
}

/** Calls what settles messages, with a span around it. */
function settle(
  trail: ProducerTrail,
  start: () => SettleSpan | undefined,
  call: ClientCall,
  args: unknown[],
): unknown {
  const span = trail.guard.try(start);
  if (span === undefined) return call(...args);
  let returned: unknown;
  try {
    returned = call(...args);
  } catch (error) {
    span.fail(error);
    throw error;
  }
  trail.guard.try(() => observe(returned, span.succeed, span.fail));
  return returned;
}
