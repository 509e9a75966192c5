import { createNoopMeter, type Meter, type Span, type Tracer } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  SimpleSpanProcessor,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-base";
import type { TraceOptions } from "kafka-trail";
import type { Hostility } from "./scenario.ts";

const boom = (): never => {
  throw new Error("tracing is broken");
};
const exporter = (run: () => void): SpanExporter => ({
  export(_spans, answer) {
    run();
    answer({ code: 0 });
  },
  shutdown: async () => {},
});
const processors = (run: () => void) => ({ spanProcessors: [new SimpleSpanProcessor(exporter(run))] });

const healthy = new BasicTracerProvider(processors(() => {})).getTracer("noharm");
const propagator = new W3CTraceContextPropagator();
/** Every call throws, whatever it is called. */
const throwing = new Proxy({}, { get: () => boom });

const TRACERS: Partial<Record<Hostility, Tracer>> = {
  tracer: throwing as Tracer,
  span: { startSpan: () => throwing as Span, startActiveSpan: boom },
  noSpan: { startSpan: () => undefined as unknown as Span, startActiveSpan: boom },
  sampler: new BasicTracerProvider({ sampler: { shouldSample: boom, toString: () => "broken" } }).getTracer(
    "n",
  ),
  exporter: new BasicTracerProvider(processors(boom)).getTracer("noharm"),
  unsampled: new BasicTracerProvider({ sampler: new AlwaysOffSampler() }).getTracer("noharm"),
};

/** Returns the options of a client whose tracing is broken in one way. */
export function brokenBy(hostility: Hostility): TraceOptions {
  return {
    tracer: TRACERS[hostility] ?? healthy,
    meter: hostility === "meter" ? (throwing as Meter) : createNoopMeter(),
    propagator: {
      inject: hostility === "inject" ? boom : propagator.inject.bind(propagator),
      extract: hostility === "extract" ? boom : propagator.extract.bind(propagator),
      fields: () => propagator.fields(),
    },
    ...(hostility === "messageId" && { messageId: boom }),
    ...(hostility === "excluded" && { excludeTopics: [/./] }),
  };
}
