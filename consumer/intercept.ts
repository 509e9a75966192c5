import { rememberConsumerGroup, type Tracing } from "../trace-context/index.ts";
import { listenToClient } from "./client-events.ts";
import type { ConsumerLike, RunConfig, TopicPartitionOffset } from "./client-shape.ts";
import { traceCommit } from "./commit-span.ts";
import { ConsumerTrail, type ConsumerFacts } from "./consumer-trail.ts";
import { copyWith } from "./copy.ts";
import { traceEachBatch } from "./each-batch.ts";
import { traceEachMessage } from "./each-message.ts";

type AnyFunction = (...args: unknown[]) => unknown;
/** Replaces one of the client's functions: `call` is the client's own, already bound to it. */
type Wrapper = (trail: ConsumerTrail, call: AnyFunction) => AnyFunction;

function traceConfig(trail: ConsumerTrail, config: RunConfig): RunConfig {
  const { eachMessage, eachBatch, eachBatchAutoResolve } = config;
  trail.begin(typeof eachBatch === "function" && typeof eachMessage !== "function");
  return copyWith(config, {
    ...(typeof eachMessage === "function" && { eachMessage: traceEachMessage(trail, eachMessage) }),
    ...(typeof eachBatch === "function" && {
      eachBatch: traceEachBatch(trail, eachBatch, eachBatchAutoResolve ?? true),
    }),
  });
}

const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  run: (trail, call) =>
    function run(...args) {
      const [config, ...rest] = args;
      if (typeof config !== "object" || config === null) return call(...args);
      const traced = trail.guard.try(() => traceConfig(trail, config));
      return traced === undefined ? call(...args) : call(traced, ...rest);
    },
  commitOffsets: (trail, call) =>
    function commitOffsets(...args) {
      return traceCommit(
        trail,
        () => args[0] as TopicPartitionOffset[] | undefined,
        () => call(...args),
      );
    },
  seek: (trail, call) =>
    function seek(...args) {
      const returned = call(...args);
      trail.guard.try(() => {
        const { topic, partition } = args[0] as { topic: string; partition: number };
        trail.track(topic, partition).seek();
      });
      return returned;
    },
};

/** For clients without events: a session is what lies between `run` and the end that the app asks for. */
const WRAPPERS_WITHOUT_EVENTS: Readonly<Record<string, Wrapper>> = {
  ...WRAPPERS,
  run: (trail, call) => {
    const run = (WRAPPERS["run"] as Wrapper)(trail, call);
    return (...args) => {
      trail.guard.try(() => trail.beginSession());
      return run(...args);
    };
  },
  stop: (trail, call) => endSession(trail, call),
  disconnect: (trail, call) => endSession(trail, call),
};

function endSession(trail: ConsumerTrail, call: AnyFunction): AnyFunction {
  return (...args) => {
    trail.guard.try(() => trail.endSession());
    return call(...args);
  };
}

const consumers = new WeakMap<object, object>();

function isFixed(target: object, property: string | symbol): boolean {
  const own = Reflect.getOwnPropertyDescriptor(target, property);
  return own !== undefined && own.configurable === false && own.writable === false;
}

/**
 * Returns a proxy's `get`. Each function of the client is wrapped once, so that `consumer.run === consumer.run`, and
 * bound to the client: classes with private fields do not take a proxy for themselves.
 */
function functionsOf(trail: ConsumerTrail, wrappers: Readonly<Record<string, Wrapper>>) {
  const wrapped = new Map<string | symbol, { value: AnyFunction; replaced: AnyFunction }>();
  return (target: object, property: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, property, target);
    if (typeof value !== "function" || property === "constructor" || isFixed(target, property)) return value;
    const known = wrapped.get(property);
    if (known?.value === value) return known.replaced;
    const call = (value as AnyFunction).bind(target);
    const wrapper = typeof property === "string" && Object.hasOwn(wrappers, property) && wrappers[property];
    const replaced = wrapper ? wrapper(trail, call) : call;
    wrapped.set(property, { value: value as AnyFunction, replaced });
    return replaced;
  };
}

/**
 * Returns a consumer that leaves a `process` span for every message or batch it hands to the app, and a `commit` span for
 * every commit the app asks for.
 *
 * The result is used in place of `consumer`, which itself is not changed and keeps working untraced. A consumer that is
 * traced already is returned as it is. What a handler returns or throws reaches the client unchanged.
 *
 * @example
 * const consumer = interceptConsumer(kafka.consumer({ groupId: "billing" }), tracing, { groupId: "billing" });
 */
export function interceptConsumer<C extends ConsumerLike>(
  consumer: C,
  tracing: Tracing,
  facts: ConsumerFacts,
): C {
  const known = consumers.get(consumer);
  if (known !== undefined) return known as C;
  const trail = tracing.guard.try(() => new ConsumerTrail(tracing, facts));
  if (trail === undefined) return consumer;
  const hasEvents = listenToClient(consumer, trail);
  const traced = new Proxy(consumer, {
    get: functionsOf(trail, hasEvents ? WRAPPERS : WRAPPERS_WITHOUT_EVENTS),
  });
  consumers.set(consumer, traced);
  consumers.set(traced, traced);
  for (const one of [consumer, traced]) rememberConsumerGroup(one, () => trail.consumerGroup);
  return traced as C;
}
