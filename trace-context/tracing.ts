import { metrics, propagation, trace } from "@opentelemetry/api";
import type { Meter, TextMapPropagator, Tracer } from "@opentelemetry/api";
import { Guard } from "./guard.ts";
import type { TraceOptions } from "./options.ts";
import { messagingNames, type MessagingNames } from "./semconv.ts";

type Defaulted =
  | "cluster"
  | "key"
  | "excludeTopics"
  | "baggage"
  | "createSpansMax"
  | "resendUnacknowledged"
  | "maxParentAgeMs"
  | "linksMax"
  | "inProgressAfterMs"
  | "inProgressEveryMs"
  | "spanPerResolvedMessage";

/** What both interceptors trace with: made once a client, from the app's options. */
export interface Tracing {
  readonly tracer: Tracer;
  readonly meter: Meter;
  /** The propagator's two verbs; the global API fits as well as a propagator of the app's own. */
  readonly propagator: Pick<TextMapPropagator, "inject" | "extract">;
  /** Name tables to write: one, or two under `messaging/dup`. */
  readonly names: readonly MessagingNames[];
  readonly guard: Guard;
  readonly options: Readonly<Required<Pick<TraceOptions, Defaulted>> & Pick<TraceOptions, "messageId">>;
  /** The client's id, where its configuration was seen. */
  readonly clientId: string | undefined;
  /** True for a topic that the app excluded. */
  excludes(topic: string): boolean;
}

const SCOPE = "kafka-trail";
/** Spans are half of what a send of 100 costs, even so: see docs/RATIONALE.md. */
const CREATE_SPANS_MAX = 10;

/** Makes what the interceptors trace with. `environment` is what the client's config room read. */
export function createTracing(
  options: TraceOptions,
  environment: { semconvStabilityOptIn: string | undefined; version: string },
  clientId?: string,
): Tracing {
  const excluded = options.excludeTopics ?? [];
  return {
    tracer: options.tracer ?? trace.getTracer(SCOPE, environment.version),
    meter: options.meter ?? metrics.getMeter(SCOPE, environment.version),
    propagator: options.propagator ?? propagation,
    names: messagingNames(options.semconvStabilityOptIn ?? environment.semconvStabilityOptIn),
    guard: new Guard(),
    options: {
      cluster: options.cluster ?? "",
      key: options.key ?? "utf8",
      excludeTopics: excluded,
      baggage: options.baggage ?? false,
      createSpansMax: Math.min(10_000, Math.max(0, options.createSpansMax ?? CREATE_SPANS_MAX)),
      resendUnacknowledged: options.resendUnacknowledged ?? false,
      maxParentAgeMs: options.maxParentAgeMs ?? 3_600_000,
      linksMax: Math.min(128, Math.max(0, options.linksMax ?? 128)),
      inProgressAfterMs: options.inProgressAfterMs ?? 5_000,
      inProgressEveryMs: options.inProgressEveryMs ?? 60_000,
      spanPerResolvedMessage: options.spanPerResolvedMessage ?? false,
      ...(options.messageId && { messageId: options.messageId }),
    },
    clientId,
    excludes: (topic) => excluded.some((it) => (typeof it === "string" ? it === topic : it.test(topic))),
  };
}
