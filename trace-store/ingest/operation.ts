import { OPERATION_NAME } from "kafka-trail/trace-context";
import { Operation, RangeRole } from "../span/vocabulary.ts";
import { Fact, type Facts } from "./facts.ts";

/** OTLP's SpanKind, as far as it tells what a span did with messages. */
const PRODUCER = 4;
const CONSUMER = 5;

/** Every word that an instrumentation was seen to use for what it did, in an attribute or in the span's name. */
const WORDS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ["create", Operation.create],
  ["send", Operation.send],
  ["publish", Operation.send],
  ["produce", Operation.send],
  ["receive", Operation.receive],
  ["recv", Operation.receive],
  ["poll", Operation.receive],
  ["consume", Operation.receive],
  ["process", Operation.process],
  ["deliver", Operation.process],
  ["settle", Operation.settle],
  ["commit", Operation.settle],
  ["ack", Operation.settle],
  [OPERATION_NAME.sendOffsets, Operation.settle],
  [OPERATION_NAME.commitTransaction, Operation.settle],
  [OPERATION_NAME.abortTransaction, Operation.settle],
  [OPERATION_NAME.session, Operation.session],
]);

/**
 * Returns what the span did with messages. The type of the conventions counts first; kafka-trail's own words are names
 * without a type, and the oldest instrumentations (kafka-python) say it in the span's name only.
 */
export function operationOf(facts: Facts, spanName: string, kind: number): Operation {
  if (facts.get(Fact.inProgress) === true) return Operation.inProgress;
  const name = facts.text(Fact.operationName);
  if (name === OPERATION_NAME.session) return Operation.session;
  return (
    wordOf(facts.text(Fact.operationType)) ??
    wordOf(name) ??
    wordOf(facts.text(Fact.operation)) ??
    wordFitting(kind, spanName) ??
    (kind === PRODUCER ? Operation.send : kind === CONSUMER ? Operation.process : Operation.none)
  );
}

/** The oldest instrumentations name a span after its topic alone, and a topic may well be called `process`. */
function wordFitting(kind: number, spanName: string): Operation | undefined {
  const operation = wordIn(spanName);
  const isSend = operation === Operation.send || operation === Operation.create;
  return (kind === PRODUCER && !isSend) || (kind === CONSUMER && isSend) ? undefined : operation;
}

function wordOf(text: string | null): Operation | undefined {
  return text === null ? undefined : WORDS.get(text.toLowerCase());
}

/** `send orders` and `orders send`: the conventions changed their mind about the order. */
function wordIn(spanName: string): Operation | undefined {
  const space = spanName.indexOf(" ");
  if (space < 0) return wordOf(spanName);
  return wordOf(spanName.slice(0, space)) ?? wordOf(spanName.slice(spanName.lastIndexOf(" ") + 1));
}

/** Returns what the ranges in `kafka_trail.offsets`, or in the attributes of links, are evidence of. */
export function rangeRoleOf(operation: Operation, operationName: string | null): RangeRole {
  switch (operation) {
    case Operation.create:
    case Operation.send:
      return RangeRole.sent;
    case Operation.process:
      return RangeRole.processed;
    case Operation.settle:
      if (operationName === OPERATION_NAME.commitTransaction) return RangeRole.transactionCommitted;
      return operationName === OPERATION_NAME.abortTransaction ? RangeRole.aborted : RangeRole.committed;
    case Operation.session:
      return RangeRole.held;
    case Operation.receive:
      return RangeRole.handed;
    // Work that goes on has been handed over, and no more than that.
    case Operation.inProgress:
    case Operation.none:
      return RangeRole.received;
  }
}
