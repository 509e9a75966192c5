import type { Meter, TextMapPropagator, Tracer } from "@opentelemetry/api";
import type { Headers } from "./carrier.ts";

/** The parts of a message that an option of the app's may look at. Never changed, never kept. */
export interface MessageView {
  readonly key?: Buffer | string | null | undefined;
  readonly value?: Buffer | string | null | undefined;
  readonly headers?: Headers | undefined;
}

/** What an app may say about how its Kafka client is traced. Every field has a default that suits production. */
export interface TraceOptions {
  /** Creates the spans. Default: the global tracer provider's tracer `kafka-trail`. */
  tracer?: Tracer;
  /** Records the metrics. Default: the global meter provider's meter `kafka-trail`. */
  meter?: Meter;
  /** Reads and writes trace context in message headers. Default: the global propagator. */
  propagator?: TextMapPropagator;
  /**
   * Name of the Kafka cluster, so that equal topics of two clusters are never taken for one. Set it when spans of more
   * than one cluster meet in one store. Default: `""`.
   */
  cluster?: string;
  /**
   * How message keys are recorded: as UTF-8 text up to 128 characters (`"utf8"`), as an HMAC-SHA-256 with a secret that
   * the store is given too (`{ hmacSecret }`), or not at all (`"off"`). Default: `"utf8"`. Payloads are never recorded.
   */
  key?: "utf8" | "off" | { hmacSecret: string };
  /**
   * Returns the message's own or business id (an order number, a CloudEvents id). Default: the first of the headers
   * `message-id`, `messageId` and `ce_id`. At most 256 characters are kept.
   */
  messageId?: (topic: string, message: MessageView) => string | undefined;
  /** Topics that are left alone, byte for byte. Default: `[]`. The span topic belongs here. */
  excludeTopics?: readonly (string | RegExp)[];
  /** Carries baggage in message headers as well. Default: `false`: it is stored with every replica and may be personal. */
  baggage?: boolean;
  /**
   * Value of `OTEL_SEMCONV_STABILITY_OPT_IN` to use instead of the environment's: `"messaging"` for the names of semantic
   * conventions 1.45, `"messaging/dup"` for both. Default: the names of 1.44.
   */
  semconvStabilityOptIn?: string;

  /**
   * Per-message `create` spans of one `send` or `sendBatch`, at most; messages beyond it carry a span id of their own
   * without a span, and their coordinates lie in the send span's ranges. Raise it to find messages of large sends by key
   * or id before anybody has consumed them; each span costs about 5 us of CPU. Default 10, 0 to 10,000.
   */
  createSpansMax?: number;
  /**
   * Cures the loss of kafkajs 2.2.4 (a `send` that resolves although no broker acknowledged some of its messages): pins
   * each message's first partition, and sends what was not acknowledged again, five times at most, before the promise
   * resolves; then, and at once inside a transaction, it rejects with `UnacknowledgedError`. Set it wherever a lost message
   * costs more than a doubled one; with `idempotent: true` and one send at a time none is doubled. Needs the client's
   * partitioner, so it does nothing in `traceProducer`. Default `false`: watching changes nothing that the app gets.
   */
  resendUnacknowledged?: boolean;
  /**
   * kafkajs's `Partitioners`, where it cannot be found (a bundle, or `traceKafka` in a second copy of the module).
   * Without it coordinates are exact only where the client itself names them.
   */
  partitioners?: unknown;

  /**
   * A message older than this starts a new trace with a link, so that a replay does not extend last week's. Raise it where
   * messages wait for longer on purpose. Default 3,600,000 ms (an hour).
   */
  maxParentAgeMs?: number;
  /** Links of one batch span, at most: which messages it held is told by its ranges. Default and bound 128, what the SDK keeps. */
  linksMax?: number;
  /**
   * Work in hand for longer than this is shown by an `in progress` span, as a span is exported only when it ends. Raise it
   * where handlers take minutes by nature. Default 5,000 ms; 0 switches it off.
   */
  inProgressAfterMs?: number;
  /** And again after each of these. Default 60,000 ms. */
  inProgressEveryMs?: number;
  /**
   * eachBatch: cuts a span of each message from successive `resolveOffset` calls, without a change of the handler. Exact
   * only where the handler works message by message; `traceMessage` is exact everywhere. Default `false`: one span a batch.
   */
  spanPerResolvedMessage?: boolean;
}
