import type { MessageSpec, RecordSpec, Trait } from "./scenario.ts";

/** What an input of the app's throws when it is read or changed. One world has one, so that identity can be judged. */
export interface Errors {
  readonly getter: Error;
  readonly changed: Error;
}

const REFUSED: ProxyHandler<object> = {
  set: refuse,
  defineProperty: refuse,
  deleteProperty: refuse,
  setPrototypeOf: refuse,
  preventExtensions: refuse,
};

/** How often any Proxy of the app's was asked to change, in all worlds. */
export const refusals = { count: 0 };

function refuse(): never {
  refusals.count++;
  throw new Error("an input of the app's was about to be changed");
}

/** A class of the app's. */
class Domain {}

/** Gives an object its trait. The field `throws` of a throwing one can be seen and not read. */
function behave<T extends object>(object: T, trait: Trait, errors: Errors, throws: string): T {
  if (trait === "frozen") return Object.freeze(object);
  if (trait === "proxy") return new Proxy(object, REFUSED) as T;
  if (trait === "class") return Object.setPrototypeOf(object, Domain.prototype) as T;
  if (trait !== "throwing") return object;
  return Object.defineProperty(object, throws, {
    enumerable: true,
    configurable: true,
    get() {
      throw errors.getter;
    },
  });
}

function headersOf({ headers, headersTrait }: MessageSpec, errors: Errors): unknown {
  if (headers === undefined || headers === null) return headers;
  const built: Record<string, unknown> = {};
  for (const { name, value } of headers) {
    // Not by assignment, as `__proto__` would then be none of the keys.
    Object.defineProperty(built, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return behave(built, headersTrait, errors, "throwing");
}

/** Builds a message as the app would hand it over; `offset` is set on one that was consumed. */
export function buildMessage(spec: MessageSpec, errors: Errors, offset?: string): object {
  const message: Record<string, unknown> = {
    key: spec.key,
    value: spec.value,
    ...(spec.headers !== undefined && { headers: headersOf(spec, errors) }),
    ...(spec.partition !== undefined && { partition: spec.partition }),
    ...(spec.timestamp !== undefined && { timestamp: spec.timestamp }),
    ...(offset !== undefined && { offset, attributes: 0 }),
  };
  return behave(message, spec.trait, errors, spec.partition === 1 ? "headers" : "value");
}

/** Builds what `send` is called with. */
export function buildRecord(spec: RecordSpec, errors: Errors): object {
  const messages = spec.messages?.map((message) => buildMessage(message, errors));
  if (messages?.[0] && spec.repeatsFirst) messages.push(messages[0]);
  const record: Record<string, unknown> = {
    topic: spec.topic,
    ...(messages && { messages }),
    ...(spec.acks !== undefined && { acks: spec.acks }),
  };
  return behave(record, spec.trait, errors, "acks");
}

/**
 * Describes a value by its descriptors, so that inputs of before and after, or what two worlds saw, can be compared
 * without running a getter.
 */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return `${typeof value} ${String(value)}`;
  if (Buffer.isBuffer(value)) return `buffer ${value.toString("hex")}`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  let own = "";
  for (const key of Reflect.ownKeys(value)) {
    const property = Reflect.getOwnPropertyDescriptor(value, key);
    own += `${String(key)}:${property?.get ? "getter" : describe(property?.value)},`;
    if (property?.writable === false) own += "fixed,";
  }
  const prototype = Reflect.getPrototypeOf(value);
  const kind = prototype === Object.prototype ? "" : prototype === Domain.prototype ? "Domain" : "other";
  return `${kind}{${own}}${Reflect.isExtensible(value) ? "" : "closed"}`;
}
