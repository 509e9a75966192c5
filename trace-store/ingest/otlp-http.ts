import type { AddressInfo } from "node:net";
import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { addressFault } from "../errors.ts";
import { gunzipAtMost, TooLargeError } from "../gunzip.ts";
import { decodeTraces } from "./decode.ts";
import { decodeTracesJson } from "./decode-json.ts";
import type { Source } from "./kafka-source.ts";
import { MalformedError } from "./malformed.ts";
import { exportResponse, statusMessage } from "./otlp-answer.ts";
import { EXPORT_BYTES_MAX, RETRY_AFTER_S, takeExport, type OtlpDoorOptions } from "./otlp-door.ts";

const PROTOBUF = "application/x-protobuf";
const JSON_TYPE = "application/json";
/** google.rpc.Code, which OTLP/HTTP puts beside the status. */
const RPC_CODE: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  404: 5,
  405: 12,
  413: 11,
  415: 3,
  503: 14,
};

/** What the server itself refuses, before we see it. */
const SENTENCES: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: `The export's Content-Type is not known here; expected ${PROTOBUF} or ${JSON_TYPE}.`,
  FST_ERR_CTP_BODY_TOO_LARGE: `The export is larger than ${EXPORT_BYTES_MAX} bytes. Send smaller batches.`,
};

/** A door that takes spans by OTLP/HTTP. */
export interface OtlpHttpDoor extends Source {
  readonly port: number;
}

class HttpRefusal extends Error {
  readonly statusCode: number;
  constructor(statusCode: number, sentence: string) {
    super(sentence);
    this.statusCode = statusCode;
  }
}

/**
 * Opens the OTLP/HTTP door: `POST /v1/traces`, protobuf or JSON, gzip or plain, at most 64 MiB after decompression.
 *
 * 200 only after COMMIT; 503 is to be sent again, 400, 413 and 415 never.
 */
export async function openOtlpHttp(options: OtlpDoorOptions): Promise<OtlpHttpDoor> {
  const server = Fastify({ bodyLimit: EXPORT_BYTES_MAX });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser([PROTOBUF, JSON_TYPE], { parseAs: "buffer" }, (_request, body, done) =>
    done(null, body),
  );
  server.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    const code = error instanceof MalformedError ? statusOf(error) : (error.statusCode ?? 500);
    const said = SENTENCES[error.code ?? ""] ?? error.message;
    return send(request, reply.code(code), statusMessage(RPC_CODE[code] ?? 13, said));
  });
  server.setNotFoundHandler((request, reply) =>
    send(request, reply.code(404), statusMessage(5, "Spans are taken at POST /v1/traces.")),
  );
  server.post("/v1/traces", async (request, reply) => {
    if (!options.mayIngest(request.headers.authorization)) {
      throw new HttpRefusal(401, "This door asks for a bearer token with the scope ingest.");
    }
    const bytes = await unpack(request);
    const decoded = isJson(request) ? decodeTracesJson(bytes) : decodeTraces(bytes);
    const outcome = await takeExport(decoded, "otlp/http", options);
    if (outcome.kind === "again") {
      reply.header("retry-after", RETRY_AFTER_S);
      throw new HttpRefusal(503, outcome.sentence);
    }
    return send(request, reply, exportResponse(outcome.rejectedSpans, `Quarantined: ${outcome.reasons}.`));
  });
  const { host, port: wanted } = options;
  await server.listen({ host, port: wanted }).catch((cause: unknown) => {
    throw addressFault("OTLP/HTTP", `${host}:${wanted}`, "KAFKA_TRAIL_OTLP_HTTP_PORT", cause);
  });
  const { port } = server.server.address() as AddressInfo;
  return { port, problem: () => undefined, stop: () => server.close() };
}

function statusOf({ reason }: MalformedError): number {
  return reason === "too_large" || reason === "too_many_spans" ? 413 : 400;
}

function isJson(request: FastifyRequest): boolean {
  return request.headers["content-type"]?.startsWith(JSON_TYPE) ?? false;
}

async function unpack(request: FastifyRequest): Promise<Buffer> {
  const body = request.body instanceof Buffer ? request.body : Buffer.alloc(0);
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return body;
  if (encoding !== "gzip") {
    throw new HttpRefusal(415, `The export's Content-Encoding is ${encoding}; expected gzip or none.`);
  }
  try {
    return await gunzipAtMost(body, EXPORT_BYTES_MAX);
  } catch (error) {
    throw error instanceof TooLargeError
      ? new HttpRefusal(
          413,
          `The export is larger than ${EXPORT_BYTES_MAX} bytes after decompression. Send smaller batches.`,
        )
      : new HttpRefusal(400, "The export says it is gzip, and is not.");
  }
}

/** Answers in the encoding of the question, as OTLP/HTTP demands. */
function send(
  request: FastifyRequest,
  reply: FastifyReply,
  body: { proto: Buffer; json: object },
): FastifyReply {
  return isJson(request) ? reply.type(JSON_TYPE).send(body.json) : reply.type(PROTOBUF).send(body.proto);
}
