import type { TextMapPropagator } from "@opentelemetry/api";
import type * as Core from "@opentelemetry/core";
import type * as B3 from "@opentelemetry/propagator-b3";
import type * as Jaeger from "@opentelemetry/propagator-jaeger";
import { warn } from "../trace-context/index.ts";
import { load } from "./peers.ts";

/** What the SDK registers by itself. */
const DEFAULT = "tracecontext,baggage";

const core = () =>
  load(
    "@opentelemetry/core",
    () => require("@opentelemetry/core") as typeof Core,
    "npm install @opentelemetry/core",
  );
const b3 = () =>
  load(
    "@opentelemetry/propagator-b3",
    () => require("@opentelemetry/propagator-b3") as typeof B3,
    "npm install @opentelemetry/propagator-b3",
  );
const jaeger = () =>
  load(
    "@opentelemetry/propagator-jaeger",
    () => require("@opentelemetry/propagator-jaeger") as typeof Jaeger,
    "npm install @opentelemetry/propagator-jaeger",
  );

const MAKERS: Readonly<Record<string, () => TextMapPropagator>> = {
  tracecontext: () => new (core().W3CTraceContextPropagator)(),
  baggage: () => new (core().W3CBaggagePropagator)(),
  b3: () => new (b3().B3Propagator)({ injectEncoding: b3().B3InjectEncoding.SINGLE_HEADER }),
  b3multi: () => new (b3().B3Propagator)({ injectEncoding: b3().B3InjectEncoding.MULTI_HEADER }),
  jaeger: () => new (jaeger().JaegerPropagator)(),
};

/**
 * Returns the propagator that `OTEL_PROPAGATORS` asks for, or `undefined` where the SDK's own default does.
 *
 * Knows `tracecontext`, `baggage`, `b3`, `b3multi`, `jaeger` and `none`. A name it does not know is reported and left
 * out. Throws where a known one's package is not installed.
 */
export function createPropagator(names: readonly string[]): TextMapPropagator | undefined {
  if (names.join(",") === DEFAULT) return undefined;
  const propagators: TextMapPropagator[] = [];
  for (const name of names) {
    const make = MAKERS[name];
    if (make) propagators.push(make());
    else if (name !== "none") {
      const known = Object.keys(MAKERS).join(", ");
      warn(`OTEL_PROPAGATORS names ${name}; known are ${known} and none. It is left out.`);
    }
  }
  return new (core().CompositePropagator)({ propagators });
}
