import { parseCoordinates, parseTraceparent, type Coordinates } from "kafka-trail/trace-context";
import { TrailError } from "../errors.ts";
import type { AskedId } from "./answers.ts";

/** Longest text that is looked at: a log line or a JSON document somebody pasted. */
const PASTED_CHARACTERS_MAX = 20_000;
/** Longest key or id; the store's SQL indexes hold the first 128 characters of it. */
const TEXT_CHARACTERS_MAX = 512;
const JSON_NODES_MAX = 1_000;

const TRACE_ID = /^[0-9a-f]{32}$|^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const CREATION_CONTEXT = /^([0-9a-f]{32}):([0-9a-f]{16})$/i;
const TRACEPARENT_INSIDE = /\b[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b/i;
const TRACE_ID_INSIDE = /\b(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b/i;
const COORDINATES_INSIDE = /(?:^|[/\s"'=])([a-zA-Z0-9._-]{1,249}\/\d{1,10}\/\d{1,19})(?=$|[/?#&\s"',])/;

/** Spring Kafka's and the Java client's `orders-3@4711`. */
const JAVA_INSIDE = /(?:^|[\s"'=([])([a-zA-Z0-9._-]{1,249})-(\d{1,10})@(\d{1,19})\b/;
/** `ConsumerRecord(topic = orders, partition = 3, ... offset = 4711, ...)`, `topic=orders partition=3 offset=4711`, a URL's query. */
const NAMED_INSIDE =
  /\btopic["']?\s*[=:]\s*["']?([a-zA-Z0-9._-]{1,249})\b.{1,100}?\bpartition["']?\s*[=:]\s*["']?(\d{1,10})\b.{1,100}?\boffset["']?\s*[=:]\s*["']?(\d{1,19})\b/is;

/** How Python's instrumentations spell a message id. A version or an address may look like it: the text itself is looked for first. */
const DOTTED = /^([a-zA-Z0-9._-]{1,249})\.(\d{1,10})\.(\d{1,19})$/;

const ACCEPTED =
  "a trace id (32 hex characters or a uuid), a traceparent, topic/partition/offset, a message key, a message id, or a URL or JSON with one of them in it";

/**
 * Reads what somebody pasted as the ids it may mean, the likeliest first.
 *
 * @throws TrailError `TRAIL_BAD_QUESTION` for an empty text and for one that is longer than any id.
 */
export function parseId(pasted: string): readonly AskedId[] {
  const text = pasted.slice(0, PASTED_CHARACTERS_MAX).trim();
  if (text === "") throw badQuestion(`Nothing was asked for. Expected ${ACCEPTED}.`);
  if (text.includes("\0")) throw badQuestion(`A NUL character is in the text. Expected ${ACCEPTED}.`);
  const ids = idsOf(text);
  if (ids.length > 0) return ids;
  throw badQuestion(
    `The text has ${text.length} characters and no id in it that has a known form. Expected ${ACCEPTED}.`,
  );
}

/**
 * Reads a trace id in any spelling and returns 32 lower-case hex characters.
 *
 * @throws TrailError `TRAIL_BAD_QUESTION`.
 */
export function parseTraceId(spelled: string): string {
  const id = exactId(spelled.trim());
  if (id?.kind === "trace") return id.traceId;
  throw badQuestion(
    `"${spelled.slice(0, 100)}" is not a trace id. Expected 32 hex characters, the same as a uuid, or a traceparent. Any other id is for find.`,
  );
}

/** Makes the fault for a question in a form that nothing has. */
export function badQuestion(sentence: string): TrailError {
  return new TrailError("TRAIL_BAD_QUESTION", sentence);
}

function idsOf(text: string): AskedId[] {
  const exact = exactId(text);
  // A uuid may be an order's number, and a key may be spelled like coordinates: both are looked for.
  if (exact !== undefined) return exact.kind === "text" ? [exact] : [exact, { kind: "text", text }];
  const inJson = text.startsWith("{") || text.startsWith("[") ? idsInJson(text) : [];
  const inside = inJson.length > 0 ? inJson : idsInText(text);
  const dotted = parseCoordinates(DOTTED.exec(text)?.slice(1).join("/") ?? "");
  const ids: AskedId[] = dotted ? [{ kind: "text", text }, messageAsked(dotted)] : [{ kind: "text", text }];
  return text.length <= TEXT_CHARACTERS_MAX ? [...inside, ...ids] : inside;
}

/** The text as one id, `undefined` where it is a sentence, a URL or a document. */
function exactId(text: string): AskedId | undefined {
  const context = parseTraceparent(text);
  if (context !== undefined) return traceAsked(context.traceId);
  if (TRACE_ID.test(text)) return traceAsked(text);
  const creation = CREATION_CONTEXT.exec(text)?.[1];
  if (creation !== undefined) return traceAsked(creation);
  const at = parseCoordinates(text);
  return at && messageAsked(at);
}

const traceAsked = (spelled: string): AskedId => ({
  kind: "trace",
  traceId: spelled.replaceAll("-", "").toLowerCase(),
});

const messageAsked = (at: Coordinates): AskedId => ({
  kind: "message",
  cluster: "",
  topic: at.topic,
  partition: at.partition,
  messageOffset: String(at.messageOffset),
});

function idsInText(text: string): AskedId[] {
  const decoded = decodedUrl(text);
  const traceparent = TRACEPARENT_INSIDE.exec(decoded)?.[0];
  const context = traceparent === undefined ? undefined : parseTraceparent(traceparent.toLowerCase());
  if (context !== undefined) return [traceAsked(context.traceId)];
  const traceId = TRACE_ID_INSIDE.exec(decoded)?.[0];
  const coordinates = COORDINATES_INSIDE.exec(decoded)?.[1] ?? spelledInLogs(decoded);
  const at = coordinates === undefined ? undefined : parseCoordinates(coordinates);
  return [...(at ? [messageAsked(at)] : []), ...(traceId === undefined ? [] : [traceAsked(traceId)])];
}

function spelledInLogs(text: string): string | undefined {
  const found = JAVA_INSIDE.exec(text) ?? NAMED_INSIDE.exec(text);
  return found === null ? undefined : found.slice(1, 4).join("/");
}

function decodedUrl(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone % is no encoding: the text stands for itself.
    return text;
  }
}

const TRACE_FIELDS = new Set(["traceparent", "traceid", "trace_id", "trace-id", "trace.id"]);
const ID_FIELDS = new Set(["messageid", "message_id", "message-id", "ce_id", "msg_id", "msgid", "key", "id"]);

/** Finds ids by the names that logs, exports and headers give them. */
function idsInJson(text: string): AskedId[] {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    // Not JSON, or cut in the middle: whatever has the form of an id is still found as in any text.
    return [];
  }
  const found: AskedId[] = [];
  const queue: unknown[] = [root];
  for (let visited = 0; queue.length > 0 && visited < JSON_NODES_MAX; visited++) {
    const node = queue.shift();
    if (typeof node !== "object" || node === null) continue;
    if (!Array.isArray(node)) found.push(...idsInObject(node as Record<string, unknown>));
    queue.push(...Object.values(node).slice(0, JSON_NODES_MAX));
  }
  const order = { message: 0, trace: 1, text: 2 };
  return found.toSorted((a, b) => order[a.kind] - order[b.kind]).slice(0, 5);
}

function idsInObject(fields: Record<string, unknown>): AskedId[] {
  const found: AskedId[] = [];
  const { topic, partition } = fields;
  const offset = fields["offset"] ?? fields["messageOffset"] ?? fields["message_offset"];
  const at = parseCoordinates(`${asText(topic)}/${asText(partition)}/${asText(offset)}`);
  if (at) found.push(messageAsked(at));
  for (const [name, value] of Object.entries(fields)) {
    const text = asText(value);
    if (text === "" || text.length > TEXT_CHARACTERS_MAX) continue;
    const id = exactId(text);
    if (TRACE_FIELDS.has(name.toLowerCase()) && id?.kind === "trace") found.push(id);
    else if (ID_FIELDS.has(name.toLowerCase())) found.push(id ?? { kind: "text", text });
  }
  return found;
}

const asText = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";
