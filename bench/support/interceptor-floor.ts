import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type TextMapGetter,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import type * as Kafkajs from "kafkajs";
import { startExport } from "kafka-trail/export";

type Handle = (payload: Kafkajs.EachMessagePayload) => Promise<void>;
type Send = (topic: string, message: Kafkajs.Message) => Promise<unknown>;

/** What tracing costs before any instrumentation of Kafka has done anything: put around a service that knows no tracing. */
export interface Floor {
  readonly handler: (handle: Handle) => Handle;
  readonly sender: (send: Send) => Send;
}

const NONE: Floor = { handler: (handle) => handle, sender: (send) => send };

/** The headers of messages that `bare-spans` is handed, as it does not write them where it sends many. */
export const CARRIED = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };

/** A context that handlers run in, and no span: what Node takes for carrying it through every promise. */
function contextAlone(): Floor {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const active = ROOT_CONTEXT.setValue(Symbol("floor"), 1);
  return {
    handler: (handle) => (payload) => context.with(active, handle, undefined, payload),
    sender: (send) => send,
  };
}

const getter: TextMapGetter<Kafkajs.IHeaders> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, key) => headers[key]?.toString(),
};

/** The attributes that kafka-trail's spans bear in this work, by their number and their kinds. */
const PROCESS: Attributes = {
  "messaging.system": "kafka",
  "messaging.operation.name": "process",
  "messaging.operation.type": "process",
  "messaging.destination.name": "bench",
  "messaging.consumer.group.name": "bench",
  "messaging.destination.partition.id": "1",
  "messaging.client.id": "bench",
  "messaging.kafka.offset": 38,
  "messaging.kafka.message.key": "k97",
  "kafka_trail.attempt": 1,
  "kafka_trail.queue_time_ms": 734,
  "kafka_trail.lag": 0,
  "kafka_trail.void_before": 0,
};
const SEND: Attributes = {
  "messaging.system": "kafka",
  "messaging.operation.name": "send",
  "messaging.operation.type": "send",
  "messaging.destination.name": "bench",
  "messaging.client.id": "bench",
  "messaging.kafka.message.key": "k97",
};

/**
 * The least that any tracing of a message taken and a message sent can do by the SDK's public means: two spans with as many
 * attributes as kafka-trail's, a link, and a context read from the headers, made active and written into the headers.
 */
function bareSpans(): Floor {
  startExport({ exporter: { export: (_spans, answer) => answer({ code: 0 }), shutdown: async () => {} } });
  const tracer = trace.getTracer("floor");
  return {
    handler: (handle) => (payload) => {
      const parent = propagation.extract(ROOT_CONTEXT, payload.message.headers ?? {}, getter);
      const creator = trace.getSpanContext(parent);
      const links = creator === undefined ? [] : [{ context: creator }];
      const options = { kind: SpanKind.CONSUMER, attributes: PROCESS, links };
      const span = tracer.startSpan("process bench", options, parent);
      const handled = context.with(trace.setSpan(parent, span), handle, undefined, payload);
      const end = () => span.end();
      handled.then(end, end);
      return handled;
    },
    sender: (send) => (topic, message) => {
      const active = context.active();
      const span = tracer.startSpan("send bench", { kind: SpanKind.PRODUCER, attributes: SEND }, active);
      const headers = {};
      propagation.inject(trace.setSpan(active, span), headers);
      const sent = send(topic, { ...message, headers });
      const end = () => {
        span.setAttribute("messaging.destination.partition.id", "1");
        span.setAttribute("messaging.kafka.offset", 38);
        span.end();
      };
      sent.then(end, end);
      return sent;
    },
  };
}

/** Returns what is put around the service: nothing, for all tracers but the two floors. */
export function floorOf(tracer: string): Floor {
  if (tracer === "context") return contextAlone();
  return tracer === "bare-spans" ? bareSpans() : NONE;
}
