const groupOf = new WeakMap<object, () => string | undefined>();

/** Makes the group of a consumer known to what is handed that consumer. `read` is asked late, as a group may be learnt late. */
export function rememberConsumerGroup(consumer: object, read: () => string | undefined): void {
  groupOf.set(consumer, read);
}

/** Returns the group of a traced consumer, or of the client's own behind it; `undefined` for every other value. */
export function consumerGroupOf(consumer: unknown): string | undefined {
  return typeof consumer === "object" && consumer !== null ? groupOf.get(consumer)?.() : undefined;
}
