import { context, createContextKey, ROOT_CONTEXT } from "@opentelemetry/api";
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace-node";
import { warn } from "../trace-context/index.ts";
import { DropCount } from "./drop-count.ts";
import { GRPC_DEADLINE_EXCEEDED, isRetryable } from "./export-error.ts";
import { KeptSpan } from "./kept-span.ts";
import { within } from "./within.ts";

/** Bounds of a {@link SpanQueue}. */
export interface SpanQueueLimits {
  /** Heap that waiting spans may hold, bytes. Beyond it new spans are dropped and counted. */
  readonly bytesMax: number;
  /** Spans that may wait; `undefined` leaves it to `bytesMax`. */
  readonly spansMax: number | undefined;
  /** Spans of one export request. */
  readonly batchSpansMax: number;
  /** How long a span waits for others to fill its request, milliseconds. */
  readonly delayMs: number;
  /** When an export request is given up and tried again, milliseconds. */
  readonly timeoutMs: number;
}

/** What a queue has done so far. */
export interface SpanQueueStats {
  readonly waitingSpans: number;
  readonly waitingBytes: number;
  readonly exportedSpans: number;
  readonly droppedSpans: number;
}

interface Batch {
  readonly spans: ReadableSpan[];
  bytes: number;
}

/** Requests under way at once: one at a time, a collector 50 ms away would take 10,000 spans a second at most. */
const REQUESTS_MAX = 4;
/** A collector's gRPC server refuses messages over 4 MiB; heap bytes are about the bytes on the wire. */
const BATCH_BYTES_MAX = 1024 * 1024;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 30_000;
const CLOSING_RETRY_MS = 250;
const WHERE = "where OTEL_EXPORTER_OTLP_ENDPOINT, or the option endpoint, says";
const EXPORT_FAILED = `exporting spans failed; they wait and go again. Does a collector listen ${WHERE}? Without TLS it begins with http://.`;
const EXPORT_REFUSED = `spans were refused, and are dropped. Is it a collector ${WHERE}, and its port the one of OTEL_EXPORTER_OTLP_PROTOCOL?`;
const QUEUE_FULL =
  "spans are being dropped, as the queue is full. Does the collector keep up? The option queueBytesMax makes it larger.";

// The SDK's own key (it is a Symbol.for): instrumentations make no spans of what runs under it.
const SUPPRESS_TRACING = createContextKey("OpenTelemetry SDK Context Key SUPPRESS_TRACING");

/**
 * Holds ended spans until they are exported, in at most `bytesMax` bytes of heap.
 *
 * It exports while spans are being added, so that a burst is bounded by memory and not by a count. A request that
 * failed in passing waits and goes again, once put back, until the budget is needed; what must be dropped is counted,
 * and the count goes out as a span when the exporter answers again. Nothing here throws into the app.
 */
export class SpanQueue implements SpanProcessor {
  readonly #exporter: SpanExporter;
  readonly #limits: SpanQueueLimits;
  readonly #dropped = new DropCount();
  readonly #requests = new Set<Promise<void>>();
  /** Full batches first; only the last one takes more spans. */
  readonly #batches: Batch[] = [];
  #waitingSpans = 0;
  #waitingBytes = 0;
  #exportedSpans = 0;
  /** Exported, or dropped after they had waited. */
  #settledSpans = 0;
  #refusedRequests = 0;
  /** Failures in a row: how long to wait before the next try. */
  #failures = 0;
  #delayMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isBackingOff = false;
  #isClosed = false;

  constructor(exporter: SpanExporter, limits: SpanQueueLimits) {
    this.#exporter = exporter;
    this.#limits = limits;
    this.#delayMs = limits.delayMs;
  }

  get stats(): SpanQueueStats {
    return {
      waitingSpans: this.#waitingSpans,
      waitingBytes: this.#waitingBytes,
      exportedSpans: this.#exportedSpans,
      droppedSpans: this.#dropped.total,
    };
  }

  /** True while the last request had to be given up: the collector is away, or does not answer. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#isClosed || (span.spanContext().traceFlags & 1) === 0) return;
    const kept = new KeptSpan(span);
    const { bytesMax, spansMax } = this.#limits;
    if (this.#waitingBytes + kept.bytes > bytesMax || this.#waitingSpans >= (spansMax ?? Infinity)) {
      if (this.#dropped.add(1, span.resource)) warn(QUEUE_FULL);
      return;
    }
    this.#add(kept, kept.bytes);
    if (!this.#isBackingOff) this.#sendFull();
    this.#schedule(this.#delayMs);
  }

  /** Exports what waits now. Resolves when the exporter has answered for all of it, or refused some of it. */
  async forceFlush(): Promise<void> {
    const refusedBefore = this.#refusedRequests;
    // Not until nothing waits: while the app goes on ending spans, that may never be.
    const settledAtLast = this.#settledSpans + this.#waitingSpans;
    while (this.#settledSpans < settledAtLast && this.#refusedRequests === refusedBefore) {
      this.#sendAll();
      await Promise.race(this.#requests);
    }
  }

  /** {@link forceFlush} for no longer than `timeoutMs`. Never rejects. */
  flushWithin(timeoutMs: number): Promise<void> {
    return within(timeoutMs, () => this.forceFlush());
  }

  /** From now on spans wait for no others: the app is going to stop. */
  hurry(): void {
    this.#delayMs = 0;
    if (!this.#isBackingOff) this.#reschedule(0);
  }

  /** Exports what waits, tries again until `timeoutMs` have passed, then drops the rest and says how much. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#isClosed) return;
    const deadline = Date.now() + timeoutMs;
    this.#isClosed = true;
    await within(timeoutMs, () => this.#flushUntil(deadline));
    clearTimeout(this.#timer);
    if (this.#waitingSpans > 0) {
      warn(`${this.#waitingSpans} spans were not exported before the app stopped.`);
    }
    await within(Math.max(100, deadline - Date.now()), async () => this.#exporter.shutdown());
  }

  /** {@link close} within five seconds. */
  shutdown(): Promise<void> {
    return this.close(5_000);
  }

  async #flushUntil(deadline: number): Promise<void> {
    this.#reportDrops();
    await this.forceFlush();
    while (this.#waitingSpans > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, CLOSING_RETRY_MS));
      await this.forceFlush();
    }
  }

  #add(span: ReadableSpan, bytes: number): void {
    let open = this.#batches.at(-1);
    if (!open || this.#isFull(open)) this.#batches.push((open = { spans: [], bytes: 0 }));
    open.spans.push(span);
    open.bytes += bytes;
    this.#waitingSpans++;
    this.#waitingBytes += bytes;
  }

  #isFull(batch: Batch): boolean {
    return batch.spans.length >= this.#limits.batchSpansMax || batch.bytes >= BATCH_BYTES_MAX;
  }

  #sendFull(): void {
    while (this.#batches[0] && this.#isFull(this.#batches[0]) && this.#requests.size < REQUESTS_MAX)
      this.#sendOne();
  }

  #sendAll(): void {
    while (this.#batches.length > 0 && this.#requests.size < REQUESTS_MAX) this.#sendOne();
  }

  #sendOne(): void {
    const batch = this.#batches.shift();
    if (!batch) return;
    const request = this.#export(batch.spans).then((error) => {
      this.#requests.delete(request);
      if (error === undefined) this.#succeeded(batch);
      else this.#failed(batch, error);
    });
    this.#requests.add(request);
  }

  #succeeded(batch: Batch): void {
    this.#forget(batch);
    this.#exportedSpans += batch.spans.length;
    this.#failures = 0;
    this.#isBackingOff = false;
    this.#reportDrops();
    this.#sendFull();
    if (this.#waitingSpans > 0) this.#reschedule(this.#delayMs);
  }

  #failed(batch: Batch, error: unknown): void {
    this.#refusedRequests++;
    const mayPass = isRetryable(error);
    if (mayPass) {
      this.#batches.unshift(batch);
    } else {
      this.#forget(batch);
      if (this.#dropped.add(batch.spans.length, batch.spans[0]?.resource)) warn(EXPORT_REFUSED, error);
    }
    // Requests under way together fail together: they are one failure.
    if (this.#isBackingOff) return;
    this.#isBackingOff = true;
    this.#failures++;
    if (this.#failures === 1 && mayPass) warn(EXPORT_FAILED, error);
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (this.#failures - 1));
    this.#reschedule(backoffMs * (0.5 + Math.random() / 2));
  }

  #forget(batch: Batch): void {
    this.#settledSpans += batch.spans.length;
    this.#waitingSpans -= batch.spans.length;
    this.#waitingBytes -= batch.bytes;
  }

  #schedule(delayMs: number): void {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#isBackingOff = false;
      this.#sendAll();
    }, delayMs);
    this.#timer.unref();
  }

  #reschedule(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule(delayMs);
  }

  #reportDrops(): void {
    const report = this.#dropped.takeReport();
    if (report) this.#add(report, 0);
  }

  /** Resolves with the error, or `undefined` when the exporter took the spans. Settles once, whatever it does. */
  async #export(spans: ReadableSpan[]): Promise<unknown> {
    try {
      await spans[0]?.resource.waitForAsyncAttributes?.();
      return await this.#request(spans);
    } catch (error) {
      return error ?? new Error("export failed");
    }
  }

  #request(spans: ReadableSpan[]): Promise<unknown> {
    return new Promise((resolve) => {
      const late = { code: GRPC_DEADLINE_EXCEEDED, message: "the exporter did not answer in time" };
      const timer = setTimeout(() => resolve(late), this.#limits.timeoutMs);
      timer.unref();
      context.with(ROOT_CONTEXT.setValue(SUPPRESS_TRACING, true), () =>
        this.#exporter.export(spans, (result) => {
          clearTimeout(timer);
          resolve(result.code === 0 ? undefined : (result.error ?? new Error("export failed")));
        }),
      );
    });
  }
}
