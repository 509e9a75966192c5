import { JSON_BYTES_MAX } from "./bounds.ts";
import { decodeTraces, MalformedError, type Decoded } from "./decode.ts";
import { objectOf } from "./json-fields.ts";
import { JsonToWire } from "./json-to-wire.ts";

/**
 * Decodes one OTLP/JSON request to the same rows that its protobuf would give. Rejected spans come as protobuf.
 *
 * Throws {@link MalformedError} when the bytes are not OTLP/JSON. `isResourceSpansRequired` refuses an object without
 * spans, which is another signal's request where nothing else says that traces are meant.
 */
export function decodeTracesJson(bytes: Buffer, { isResourceSpansRequired = false } = {}): Decoded {
  const request = objectOf(parse(bytes), "the request");
  if (isResourceSpansRequired && !Array.isArray(request["resourceSpans"])) {
    throw new MalformedError(
      "unknown_encoding",
      'The JSON has no array "resourceSpans": it holds no traces.',
    );
  }
  return decodeTraces(new JsonToWire().rewrite(request));
}

const BYTE_ORDER_MARK = 0xfeff;
/** A string (kept as it is), or an integer that a JavaScript number may not hold exactly (put in quotes). */
const STRING_OR_LONG_INTEGER = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?=[\s,}\]])/g;
const LONG_INTEGER = /[:,[\s]-?\d{16,}[\s,}\]]/;

function parse(bytes: Buffer): unknown {
  if (bytes.length > JSON_BYTES_MAX) {
    throw new MalformedError(
      "too_large",
      `The JSON takes ${bytes.length} bytes; at most ${JSON_BYTES_MAX} are read. Send protobuf, or smaller batches.`,
    );
  }
  const decoded = bytes.toString("utf8");
  const text = decoded.charCodeAt(0) === BYTE_ORDER_MARK ? decoded.slice(1) : decoded;
  const exact = LONG_INTEGER.test(text)
    ? text.replace(STRING_OR_LONG_INTEGER, (found) => (found.startsWith('"') ? found : `"${found}"`))
    : text;
  try {
    return JSON.parse(exact) as unknown;
  } catch (cause) {
    // The parser's own message quotes the text: it stays in the cause.
    throw new MalformedError("invalid_json", "The bytes are not JSON.", { cause });
  }
}
