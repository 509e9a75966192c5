import { SpanKind } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { TRAIL } from "../trace-context/index.ts";
import { createTraceIds } from "./trace-ids.ts";

const ids = createTraceIds({ timeOrdered: true });

/** Counts spans that had to be dropped, and makes the span that says so. */
export class DropCount {
  /** Dropped since the queue was made. */
  total = 0;
  #unreported = 0;
  #sinceMs = 0;
  #resource: ReadableSpan["resource"] | undefined;

  /** Returns true for the first since the last report. */
  add(spans: number, resource: ReadableSpan["resource"] | undefined): boolean {
    const isFirst = this.#unreported === 0;
    if (isFirst) this.#sinceMs = Date.now();
    this.total += spans;
    this.#unreported += spans;
    this.#resource = resource ?? this.#resource;
    return isFirst;
  }

  /**
   * Returns a span of what was dropped since the last report, or `undefined` when nothing was. Built by hand, as a
   * sampler must not be able to drop it too.
   */
  takeReport(): ReadableSpan | undefined {
    if (this.#unreported === 0 || !this.#resource) return undefined;
    const count = this.#unreported;
    this.#unreported = 0;
    const now = Date.now();
    const durationMs = now - this.#sinceMs;
    const spanContext = { traceId: ids.generateTraceId(), spanId: ids.generateSpanId(), traceFlags: 1 };
    return {
      name: "dropped spans",
      kind: SpanKind.INTERNAL,
      spanContext: () => spanContext,
      startTime: hrTime(this.#sinceMs),
      endTime: hrTime(now),
      duration: hrTime(durationMs),
      status: { code: 0 },
      attributes: { [TRAIL.droppedSpans]: count },
      links: [],
      events: [],
      ended: true,
      resource: this.#resource,
      instrumentationScope: { name: "kafka-trail" },
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  }
}

function hrTime(ms: number): [number, number] {
  return [Math.floor(ms / 1000), (ms % 1000) * 1e6];
}
