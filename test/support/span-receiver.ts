import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { sendUnaryData, ServerUnaryCall, ServiceDefinition } from "@grpc/grpc-js";
import { TracesData } from "./otlp-schema.ts";

/** A span as it arrived, with its strings read. */
export interface ReceivedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
}

type Raw = Record<string, Uint8Array | undefined>;
interface RawAttribute {
  key: Uint8Array;
  value?: { stringValue?: Uint8Array; intValue?: unknown; boolValue?: boolean; arrayValue?: { values: [] } };
}
interface RawTraces {
  resourceSpans: {
    resource?: { attributes: RawAttribute[] };
    scopeSpans: { spans: (Raw & { attributes: RawAttribute[] })[] }[];
  }[];
}

const SERVICE: ServiceDefinition = {
  export: {
    path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
};

/** An OTLP/gRPC endpoint that keeps what it is sent, or answers with an error while it is told to. */
export async function receiveSpans({ port = 0 }: { port?: number } = {}) {
  const spans: ReceivedSpan[] = [];
  const server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
  const receiver = {
    spans,
    url: "",
    port: 0,
    /** gRPC status to refuse with, e.g. 14 for UNAVAILABLE. */
    refusesWith: undefined as number | undefined,
    /** Milliseconds before each answer. */
    answersAfterMs: 0,
    requests: 0,
    named: (name: string) => spans.filter((span) => span.name === name),
    close: () => server.forceShutdown(),
  };
  server.addService(SERVICE, {
    export(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
      receiver.requests++;
      const { refusesWith, answersAfterMs } = receiver;
      const answer = () => {
        if (refusesWith !== undefined) return callback({ code: refusesWith, details: "told to refuse" });
        for (const span of read(call.request)) spans.push(span);
        return callback(null, Buffer.alloc(0));
      };
      if (answersAfterMs > 0) setTimeout(answer, answersAfterMs).unref();
      else answer();
    },
  });
  receiver.port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  receiver.url = `http://127.0.0.1:${receiver.port}`;
  return receiver;
}

/** What a receiver answers while it is away. */
export const UNAVAILABLE = status.UNAVAILABLE;

function read(bytes: Buffer): ReceivedSpan[] {
  const { resourceSpans } = TracesData.decode(bytes) as unknown as RawTraces;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: text(span["name"]),
        traceId: hex(span["traceId"]),
        spanId: hex(span["spanId"]),
        parentSpanId: hex(span["parentSpanId"]),
        attributes: attributesOf(span.attributes),
        resource: attributesOf(resource?.attributes ?? []),
      })),
    ),
  );
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("hex");

function attributesOf(attributes: readonly RawAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [text(key), valueOf(value)]));
}

function valueOf(value: RawAttribute["value"]): unknown {
  if (!value) return undefined;
  if (value.arrayValue) return value.arrayValue.values.map(valueOf);
  const isSet = (name: string) => Object.hasOwn(value, name);
  if (isSet("stringValue")) return text(value.stringValue);
  if (isSet("boolValue")) return value.boolValue;
  return Number(value.intValue);
}
