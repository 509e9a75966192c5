import { context } from "@opentelemetry/api";
import type { Attributes, Context } from "@opentelemetry/api";
import type { Guard } from "../trace-context/index.ts";
import type { Handler } from "./client-shape.ts";

/** A handler's call that is being traced. Its two ends never throw. */
export interface Work {
  /** Active in the handler. */
  readonly context: Context;
  /** Clock of `performance.now()`. */
  readonly startedAtMs: number;
  /** Clock of `performance.now()`: when an `in progress` span is due. */
  showAtMs: number;
  /** Neighbours in the list of the work in hand. */
  next: Work | undefined;
  previous: Work | undefined;
  /** False until the handler was reached: an error before that is ours. */
  isEntered: boolean;
  succeed(): void;
  fail(error: unknown): void;
  /** Attributes of an `in progress` span. */
  describe(): Attributes;
}

/** Returns what `call` returns; what it throws is the work's failure too. */
function failing(work: Work, call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    work.fail(error);
    throw error;
  }
}

/**
 * Returns a stand-in for a thenable that is no plain promise. Its `then` is called once, by the client, and not a second
 * time by us: the thenables of query builders do their work when `then` is called.
 */
function watchThenable(returned: object, then: (...args: unknown[]) => unknown, work: Work): unknown {
  const watched = (onValue?: unknown, onError?: unknown): unknown => {
    const succeed = (value: unknown): unknown => {
      work.succeed();
      return typeof onValue === "function" ? (onValue(value) as unknown) : value;
    };
    const fail = (error: unknown): unknown => {
      work.fail(error);
      if (typeof onError === "function") return onError(error) as unknown;
      throw error;
    };
    return failing(work, () => then.call(returned, succeed, fail));
  };
  return new Proxy(returned, {
    get: (target, property) => (property === "then" ? watched : (Reflect.get(target, property) as unknown)),
  });
}

/** Ends the work when what the handler returned is settled, and hands it back. */
function observe(returned: unknown, work: Work, guard: Guard): unknown {
  if (returned instanceof Promise && returned.then === Promise.prototype.then) {
    returned.then(
      () => work.succeed(),
      (error: unknown) => work.fail(error),
    );
    return returned;
  }
  const then = guard.try(() => (returned as { then?: unknown } | null | undefined)?.then);
  if (typeof then === "function") {
    return watchThenable(returned as object, then as (...args: unknown[]) => unknown, work);
  }
  work.succeed();
  return returned;
}

/**
 * Calls a handler inside its work's context and ends the work with it. What the handler returns or throws is what the
 * caller gets: a TypeError of ours in its place would stop a kafkajs consumer for good.
 */
export function runWork<P>(
  work: Work,
  guard: Guard,
  handler: Handler<P>,
  self: unknown,
  payload: P,
): unknown {
  let returned: unknown;
  // A closure without arguments: the API binds a `this`, and copies arguments three times.
  const enter = (): unknown => {
    work.isEntered = true;
    return handler.call(self, payload);
  };
  try {
    returned = context.with(work.context, enter);
  } catch (error) {
    if (work.isEntered) {
      work.fail(error);
      throw error;
    }
    guard.record(error);
    returned = failing(work, () => handler.call(self, payload));
  }
  return observe(returned, work, guard);
}
