type Listener = (event: unknown) => void;

const EVENTS = [
  "HEARTBEAT",
  "COMMIT_OFFSETS",
  "GROUP_JOIN",
  "FETCH_START",
  "FETCH",
  "START_BATCH_PROCESS",
  "END_BATCH_PROCESS",
  "CONNECT",
  "DISCONNECT",
  "STOP",
  "CRASH",
  "REBALANCING",
  "RECEIVED_UNSUBSCRIBED_TOPICS",
  "REQUEST",
  "REQUEST_TIMEOUT",
  "REQUEST_QUEUE_SIZE",
] as const;
/** A key of kafkajs's `consumer.events`. */
export type EventName = (typeof EVENTS)[number];

export function eventsOf(client: "producer" | "consumer") {
  return Object.fromEntries(EVENTS.map((name) => [name, `${client}.${name.toLowerCase()}`]));
}

/** kafkajs keeps a Set of listeners per event and lets what one throws escape; so does this. */
export function emitter() {
  const listeners = new Map<string, Set<Listener>>();
  return {
    on: (name: string, listener: Listener) => {
      const known = listeners.get(name) ?? new Set();
      listeners.set(name, known.add(listener));
      return () => void known.delete(listener);
    },
    emit: (name: string, payload: unknown): void => {
      const event = { id: 1, type: name, timestamp: Date.now(), payload };
      for (const listener of listeners.get(name) ?? []) listener(event);
    },
    listeners: () => [...listeners.values()].reduce((sum, known) => sum + known.size, 0),
  };
}
