// Answers to an export, in both encodings (opentelemetry-proto, trace_service.proto; google.rpc.Status).

/** `ExportTraceServiceResponse`: empty, or with a partial success. */
export function exportResponse(rejectedSpans: number, sentence: string): { proto: Buffer; json: object } {
  if (rejectedSpans === 0) return { proto: Buffer.alloc(0), json: {} };
  const partial = Buffer.concat([
    Buffer.from([0x08]),
    uvarint(rejectedSpans),
    field(0x12, Buffer.from(sentence)),
  ]);
  return {
    proto: field(0x0a, partial),
    json: { partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage: sentence } },
  };
}

/** `google.rpc.Status`: what OTLP/HTTP asks for in the body of every failure. */
export function statusMessage(code: number, message: string): { proto: Buffer; json: object } {
  return {
    proto: Buffer.concat([Buffer.from([0x08]), uvarint(code), field(0x12, Buffer.from(message))]),
    json: { code, message },
  };
}

function field(tag: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), uvarint(bytes.length), bytes]);
}

function uvarint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) out.push((rest & 0x7f) | 0x80);
  return Buffer.from([...out, rest]);
}
