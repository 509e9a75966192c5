import type { WireReader } from "./wire-reader.ts";

// Tags: of TracesData, ResourceSpans (its resource and its scopes) and ScopeSpans.
const RESOURCE_SPANS = 10;
const RESOURCE = 10;
const SCOPE_SPANS = 18;
const SPAN = 18;

/** A resource larger than this is left out: it would leave little room for the span, of which 64 KiB are kept. */
const RESOURCE_BYTES_MAX = 4_096;
const NO_BYTES = Buffer.alloc(0);

/** Makes a request of one span, with the resource fields as they stood around it. */
export function loneRequest(span: Buffer, resource: Buffer): Buffer {
  return field(RESOURCE_SPANS, resource, field(SCOPE_SPANS, field(SPAN, span)));
}

/**
 * Copies the resource out of the ResourceSpans from `start` to `end`: every one there is, as protobuf would merge them.
 * Returns no bytes where they are too many. The reader stays where it is.
 */
export function resourceBytes(reader: WireReader, start: number, end: number): Buffer {
  const { at, end: inner } = reader;
  const fields: Buffer[] = [];
  let bytes = 0;
  reader.at = start;
  reader.end = end;
  while (reader.at < reader.end && bytes <= RESOURCE_BYTES_MAX) {
    const from = reader.at;
    const tag = reader.tag();
    reader.skip(tag);
    if (tag !== RESOURCE) continue;
    fields.push(reader.bytes.subarray(from, reader.at));
    bytes += reader.at - from;
  }
  reader.at = at;
  reader.end = inner;
  return bytes <= RESOURCE_BYTES_MAX ? Buffer.concat(fields) : NO_BYTES;
}

/** A field of bytes: its tag, the length as a varint, what is in it. */
function field(tag: number, ...parts: readonly Buffer[]): Buffer {
  const head = [tag];
  let rest = parts.reduce((sum, part) => sum + part.length, 0);
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, rest]), ...parts]);
}
