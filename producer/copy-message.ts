import type { OutgoingMessage } from "./client-shape.ts";
import { PLACEMENT, type Placement } from "./partitioner.ts";

/** A copy of a message that may be changed. */
export type MessageCopy = { -readonly [Field in keyof OutgoingMessage]: OutgoingMessage[Field] } & {
  [PLACEMENT]?: Placement | undefined;
};

const MESSAGE_FIELDS = ["key", "value", "partition", "timestamp"] as const;

/** True for an object of no class, whichever realm it comes from. */
export function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object) as object | null;
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Copies own properties, and keeps the class. Spread, as assigning would call setters and turn `__proto__` into one. */
function copyOwn<T extends object>(object: T): T {
  if (isPlain(object)) return { ...object };
  return Object.defineProperties(
    Object.create(Object.getPrototypeOf(object) as object | null) as T,
    Object.getOwnPropertyDescriptors({ ...object }),
  );
}

/**
 * Returns a shallow copy of a message, `undefined` for one that only works as it is: what is no object, and an object
 * whose class computes the fields, perhaps from private ones that no copy has.
 */
export function copyMessage(message: OutgoingMessage): MessageCopy | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  if (isPlain(message)) {
    if (Object.hasOwn(message, "__proto__")) return { ...message };
    // With the slots that are filled later: 0.1 us, against 0.8 for a spread that two properties are added to.
    const slots: MessageCopy = { headers: undefined, [PLACEMENT]: undefined };
    return Object.assign(slots, message);
  }
  const copy = copyOwn(message);
  return MESSAGE_FIELDS.some((field) => field in message && !Object.hasOwn(copy, field)) ? undefined : copy;
}

/**
 * Returns a shallow copy of what `send` or `sendBatch` was given, with the fields that the client reads as its own: a
 * class of the app's may compute them.
 */
export function copyArgument<T extends object>(argument: T, fields: readonly (keyof T & string)[]): T {
  const copy = copyOwn(argument);
  if (isPlain(argument)) return copy;
  for (const field of fields) {
    if (Object.hasOwn(copy, field) || !(field in argument)) continue;
    Object.defineProperty(copy, field, {
      value: argument[field],
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return copy;
}
