import protobuf from "protobufjs";

type Text = "string" | "bytes";
type Fields = Record<string, string>;

/** Levels of arrays and maps inside one attribute that are looked at: `ATTRIBUTE_DEPTH_MAX` of the decoder. */
const DEPTH_MAX = 32;

/** Reads `{ name: "repeated Type = 1" }`. */
function message(fields: Fields, oneofs?: Record<string, { oneof: string[] }>): protobuf.IType {
  const described: Record<string, protobuf.IField> = {};
  for (const [name, text] of Object.entries(fields)) {
    const [, rule, type = "", id] = /^(repeated )?(\S+) = (\d+)$/.exec(text) ?? [];
    described[name] = { ...(rule && { rule: "repeated" }), type, id: Number(id) };
  }
  return { fields: described, ...(oneofs && { oneofs }) };
}

const VALUE_ONEOF = {
  value: {
    oneof: ["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"],
  },
};

/** `AnyValue` and its parts at one level of nesting; `below` is the level inside it. */
function anyValue(
  level: string,
  below: string,
  text: Text,
  isDeepest: boolean,
): Record<string, protobuf.IType> {
  const value = message(
    {
      stringValue: `${text} = 1`,
      boolValue: "bool = 2",
      intValue: "int64 = 3",
      doubleValue: "double = 4",
      arrayValue: isDeepest ? "bytes = 5" : `Array${level} = 5`,
      kvlistValue: isDeepest ? "bytes = 6" : `Map${level} = 6`,
      bytesValue: "bytes = 7",
    },
    VALUE_ONEOF,
  );
  if (isDeepest) return { [`Any${level}`]: value };
  return {
    [`Any${level}`]: value,
    [`Array${level}`]: message({ values: `repeated Any${below} = 1` }),
    [`Map${level}`]: message({ values: `repeated KeyValue${below} = 1` }),
    [`KeyValue${below}`]: message({ key: `${text} = 1`, value: `Any${below} = 2` }),
  };
}

/** Everything but `AnyValue`. */
function messages(text: Text): Record<string, protobuf.IType> {
  return {
    TracesData: message({ resourceSpans: "repeated ResourceSpans = 1" }),
    ResourceSpans: message({ resource: "Resource = 1", scopeSpans: "repeated ScopeSpans = 2" }),
    Resource: message({ attributes: "repeated KeyValue0 = 1" }),
    ScopeSpans: message({ scope: "Scope = 1", spans: "repeated Span = 2" }),
    Scope: message({ name: `${text} = 1`, version: `${text} = 2`, attributes: "repeated KeyValue0 = 3" }),
    Span: message({
      traceId: "bytes = 1",
      spanId: "bytes = 2",
      traceState: `${text} = 3`,
      parentSpanId: "bytes = 4",
      name: `${text} = 5`,
      kind: "int32 = 6",
      startTimeUnixNano: "fixed64 = 7",
      endTimeUnixNano: "fixed64 = 8",
      attributes: "repeated KeyValue0 = 9",
      droppedAttributesCount: "uint32 = 10",
      events: "repeated Event = 11",
      droppedEventsCount: "uint32 = 12",
      links: "repeated Link = 13",
      droppedLinksCount: "uint32 = 14",
      status: "Status = 15",
      flags: "fixed32 = 16",
    }),
    Event: message({
      timeUnixNano: "fixed64 = 1",
      name: `${text} = 2`,
      attributes: "repeated KeyValue0 = 3",
      droppedAttributesCount: "uint32 = 4",
    }),
    Link: message({
      traceId: "bytes = 1",
      spanId: "bytes = 2",
      traceState: `${text} = 3`,
      attributes: "repeated KeyValue0 = 4",
      droppedAttributesCount: "uint32 = 5",
      flags: "fixed32 = 6",
    }),
    Status: message({ message: `${text} = 2`, code: "int32 = 3" }),
    KeyValue0: message({ key: `${text} = 1`, value: "Any0 = 2" }),
  };
}

function tracesData(types: Record<string, protobuf.IType>): protobuf.Type {
  return protobuf.Root.fromJSON({ nested: types }).lookupType("TracesData");
}

function exactTypes(): Record<string, protobuf.IType> {
  const types = messages("bytes");
  for (let level = 0; level <= DEPTH_MAX; level++) {
    Object.assign(types, anyValue(String(level), String(level + 1), "bytes", level === DEPTH_MAX));
  }
  return types;
}

/**
 * OTLP's `TracesData` (on the wire the same as `ExportTraceServiceRequest`), described by its field numbers. Two things
 * differ from a schema for everyday use, so that it can judge our decoder exactly:
 *
 * - strings are `bytes`: what invalid UTF-8 becomes is our decision, not the library's;
 * - `AnyValue` stands once for each level of nesting, and below the deepest level its arrays and maps are `bytes`,
 *   because our decoder does not look inside them either.
 */
export const TracesData = tracesData(exactTypes());

/** The same for everyday use: strings are strings, and values nest as they like. */
export const EverydayTracesData = tracesData({
  ...messages("string"),
  ...anyValue("0", "0", "string", false),
});
