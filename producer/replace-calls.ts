import type { ClientCall } from "./client-shape.ts";

/** Calls a method of the client, traced. `call` is the client's own. */
export type TracedCall = (call: ClientCall, args: unknown[]) => unknown;

/**
 * Returns a client whose named methods are replaced; everything else is the client's own, on the client itself.
 *
 * A Proxy, as nothing handed in is changed; and with methods bound to the client, as a class with private fields works on
 * nothing else. A call between the client's own methods (Confluent's `sendBatch` calls its `send`) does not come by here.
 */
export function replaceCalls<C extends object>(client: C, traced: Readonly<Record<string, TracedCall>>): C {
  // Kept by the function they stand for, so that a method stays equal to itself until the app replaces it.
  const replacements = new WeakMap<object, Map<PropertyKey, unknown>>();
  const replace = (property: PropertyKey, value: ClientCall): unknown => {
    let known = replacements.get(value);
    if (known === undefined) replacements.set(value, (known = new Map()));
    if (known.has(property)) return known.get(property);
    const bound: ClientCall = (...args) => Reflect.apply(value, client, args);
    const tracedCall =
      typeof property === "string" && Object.hasOwn(traced, property) ? traced[property] : undefined;
    const replacement = tracedCall === undefined ? bound : (...args: unknown[]) => tracedCall(bound, args);
    known.set(property, replacement);
    return replacement;
  };
  return new Proxy(unfrozen(client), {
    get(_, property) {
      const value: unknown = Reflect.get(client, property, client);
      if (typeof value !== "function" || property === "constructor") return value;
      const isOwn = Object.hasOwn(client, property);
      // A closure needs no binding, and a stand-in of a test keeps what hangs on it.
      if (isOwn && !Object.hasOwn(traced, property)) return value;
      return replace(property, value as ClientCall);
    },
    set: (_, property, value) => Reflect.set(client, property, value, client),
  });
}

/** A Proxy must show properties that can never change as they are: before a frozen client it stands before a copy. */
function unfrozen<C extends object>(client: C): C {
  const isFixed = ({ configurable, writable }: PropertyDescriptor) =>
    configurable !== true && writable !== true;
  if (!Object.values(Object.getOwnPropertyDescriptors(client)).some(isFixed)) return client;
  return Object.assign(Object.create(Object.getPrototypeOf(client) as object | null) as C, client);
}
