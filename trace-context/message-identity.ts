import { createHmac } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { readHeader, type Headers } from "./carrier.ts";
import type { MessageView, TraceOptions } from "./options.ts";

/** A longer key is not recorded: the store's SQL index holds no more of it. */
const KEY_CHARACTERS_MAX = 128;
const MESSAGE_ID_CHARACTERS_MAX = 256;
/** No UTF-8 character is longer, so a key of more bytes need not be decoded to be known as too long. */
const UTF8_BYTES_PER_CHARACTER_MAX = 4;
const SHORT_BYTES_MAX = 40;
const ASCII_MAX = 0x7f;
const LONE_SURROGATE = /\p{Surrogate}/u;
type Key = MessageView["key"];

/** Returns the HMAC-SHA-256 of a key in lower-case hex: how it is recorded, and how it is looked up, under a secret. */
export function hashKey(key: Buffer | string, hmacSecret: string): string {
  return createHmac("sha256", hmacSecret).update(key).digest("hex");
}

/** True for nearly all keys there are: a loop over a few bytes costs less than asking `isUtf8`. */
function isShortAscii(key: Buffer): boolean {
  if (key.length > SHORT_BYTES_MAX) return false;
  for (let i = 0; i < key.length; i++) if (key[i]! > ASCII_MAX) return false;
  return true;
}

function keyAsText(key: Buffer | string): string | undefined {
  if (typeof key === "string")
    return key.length <= KEY_CHARACTERS_MAX && !LONE_SURROGATE.test(key) ? key : undefined;
  if (isShortAscii(key)) return key.toString("latin1");
  if (key.length > KEY_CHARACTERS_MAX * UTF8_BYTES_PER_CHARACTER_MAX || !isUtf8(key)) return undefined;
  const text = key.toString();
  return text.length <= KEY_CHARACTERS_MAX ? text : undefined;
}

/** Returns how a message's key is recorded, `undefined` where there is none, it is no text, or the app said off. */
export function recordedKey(key: Key, how: NonNullable<TraceOptions["key"]>): string | undefined {
  if (key === undefined || key === null || how === "off") return undefined;
  return how === "utf8" ? keyAsText(key) : hashKey(key, how.hmacSecret);
}

/** The headers that carry a message's own id: common practice, and CloudEvents' Kafka binding. */
function headerMessageId(headers: Headers | undefined): string | undefined {
  if (headers === undefined || headers === null) return undefined;
  // Literal names: asked for every message, and a loop over them cost 0.4 us.
  if (headers["message-id"] !== undefined) return readHeader(headers, "message-id");
  if (headers["messageId"] !== undefined) return readHeader(headers, "messageId");
  return headers["ce_id"] === undefined ? undefined : readHeader(headers, "ce_id");
}

/** Returns a message's own or business id, cut at 256 characters, `undefined` where it has none. */
export function recordedMessageId(
  topic: string,
  message: MessageView,
  extract: TraceOptions["messageId"],
): string | undefined {
  const found = extract === undefined ? headerMessageId(message.headers) : extract(topic, message);
  return found === undefined || found === "" ? undefined : found.slice(0, MESSAGE_ID_CHARACTERS_MAX);
}
