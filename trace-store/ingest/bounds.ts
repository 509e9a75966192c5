/** Spans of one request. Collectors send some thousands; a request of 30-byte spans could hold two million. */
export const SPANS_MAX = 65_536;
/** Attributes of one span, event, link or resource: the SDKs' own default. Those beyond it are counted. */
export const ATTRIBUTES_MAX = 128;
/** UTF-8 of an attribute's key. */
export const KEY_BYTES_MAX = 256;
/** UTF-8 of one text (or bytes) inside an attribute. */
export const TEXT_BYTES_MAX = 2_048;
/** JSON of one attribute that is an array or a map: elements beyond it are left out. Holds 1,024 ranges of offsets. */
export const COMPOSITE_BYTES_MAX = 131_072;
/** JSON of all attributes of a span, and again of all its events: what no longer fits is counted. */
export const OBJECT_BYTES_MAX = 1_048_576;
/** Arrays and maps inside each other. Postgres's own parser gives up far deeper, with an error that names no row. */
export const DEPTH_MAX = 32;
/** Events and links of one span. The SDKs' default is 128 each. */
export const EVENTS_MAX = 128;
export const LINKS_MAX = 1_024;
/** Rows of offset ranges that one span may become: 16 million offsets. */
export const RANGES_MAX = 4_096;
/** Characters of names: of services, spans and consumer groups. */
export const NAME_LENGTH_MAX = 255;
/** Characters of a status message or a trace state. */
export const TEXT_LENGTH_MAX = 2_048;
/** Characters of a message's key. */
export const MESSAGE_KEY_LENGTH_MAX = 512;
/** Characters of a message's own id. */
export const MESSAGE_ID_LENGTH_MAX = 256;
/** OTLP/JSON that is parsed. Parsed, it takes up to ten times as much memory; protobuf has no such factor. */
export const JSON_BYTES_MAX = 16_777_216;
