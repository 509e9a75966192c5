import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { addressFault } from "../errors.ts";
import type { Source } from "./kafka-source.ts";
import { decodeTraces } from "./decode.ts";
import { MalformedError } from "./malformed.ts";
import { exportResponse } from "./otlp-answer.ts";
import { EXPORT_BYTES_MAX, RETRY_AFTER_S, takeExport, type OtlpDoorOptions } from "./otlp-door.ts";

/** Messages stay bytes: our own decoder reads them. */
const identity = (bytes: Buffer): Buffer => bytes;
const TRACE_SERVICE = {
  export: {
    path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} as const;

/** A door that takes spans by OTLP/gRPC. */
export interface OtlpGrpcDoor extends Source {
  readonly port: number;
}

/**
 * Opens the OTLP/gRPC door. OK only after COMMIT; `UNAVAILABLE` is to be sent again, `INVALID_ARGUMENT` never.
 *
 * Throws `TRAIL_CONFIG` when the address is taken.
 */
export async function openOtlpGrpc(options: OtlpDoorOptions): Promise<OtlpGrpcDoor> {
  const server = new Server({ "grpc.max_receive_message_length": EXPORT_BYTES_MAX });
  server.addService(TRACE_SERVICE, {
    export: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
      answer(call, options).then(
        (bytes) => reply(null, bytes),
        (error: unknown) => reply(toServiceError(error)),
      );
    },
  });
  const address = `${options.host}:${options.port}`;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error
        ? reject(addressFault("OTLP/gRPC", address, "KAFKA_TRAIL_OTLP_GRPC_PORT", error))
        : resolve(bound),
    );
  });
  return {
    port,
    problem: () => undefined,
    stop: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
  };
}

class GrpcRefusal extends Error {
  readonly code: status;
  constructor(code: status, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

async function answer(call: ServerUnaryCall<Buffer, Buffer>, options: OtlpDoorOptions): Promise<Buffer> {
  const [authorization] = call.metadata.get("authorization");
  if (!options.mayIngest(authorization?.toString())) {
    throw new GrpcRefusal(status.UNAUTHENTICATED, "This door asks for a bearer token with the scope ingest.");
  }
  const outcome = await takeExport(decodeTraces(call.request), "otlp/grpc", options);
  if (outcome.kind === "again") throw new GrpcRefusal(status.UNAVAILABLE, outcome.sentence);
  return exportResponse(outcome.rejectedSpans, `Quarantined: ${outcome.reasons}.`).proto;
}

function toServiceError(error: unknown): { code: status; message: string; metadata?: Metadata } {
  if (error instanceof MalformedError) return { code: status.INVALID_ARGUMENT, message: error.message };
  if (!(error instanceof GrpcRefusal)) throw error;
  const metadata = new Metadata();
  if (error.code === status.UNAVAILABLE) metadata.set("retry-after", String(RETRY_AFTER_S));
  return { code: error.code, message: error.message, metadata };
}
