import { decodeTraces, MalformedError, type Decoded } from "./decode.ts";
import { decodeTracesJson } from "./decode-json.ts";

export { MalformedError };

const NEWLINE = 0x0a;
const OPEN_OBJECT = 0x7b;
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d, NEWLINE]);
/** The tag of `resource_spans`, by which every request of spans begins. JSON may begin with the same byte: a newline. */
const RESOURCE_SPANS = NEWLINE;

/**
 * Decodes what the collector's Kafka exporter wrote: `otlp_proto` or `otlp_json`, told apart by their bytes.
 *
 * Throws {@link MalformedError}: `unknown_encoding` where it is neither (logs, metrics and other encodings included, so that
 * nothing is taken for an empty request and dropped).
 */
export function decodeRecord(bytes: Buffer): Decoded {
  if (bytes.length === 0) return { rows: [], rejected: [] };
  const isJson = looksLikeJson(bytes);
  if (bytes[0] === RESOURCE_SPANS) {
    try {
      return decodeTraces(bytes);
    } catch (error) {
      if (!isJson) throw error;
    }
  }
  if (isJson) return decodeTracesJson(bytes, { isResourceSpansRequired: true });
  throw new MalformedError(
    "unknown_encoding",
    "The record is neither otlp_proto nor otlp_json of traces. Set the collector's kafka exporter to otlp_proto.",
  );
}

function looksLikeJson(bytes: Buffer): boolean {
  for (const byte of bytes) if (!SPACES.has(byte)) return byte === OPEN_OBJECT;
  return false;
}
