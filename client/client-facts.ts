/** The parts of a Kafka client's events that are listened to here; kafkajs has them, Confluent's client throws. */
interface Evented {
  readonly events?: Readonly<Record<string, string | undefined>>;
  on?(event: string, listener: (event: { payload?: { clientId?: unknown } }) => void): () => void;
}

/** False where `client` has no such method; one that cannot be looked at is taken for one that has. */
export function hasMethod(client: object, method: string): boolean {
  try {
    return typeof Reflect.get(client, method) === "function";
  } catch {
    return true;
  }
}

/** Without a CONNECT event (Confluent's client, a client connected earlier) the question is asked this much later. */
const CONNECTED_BY_MS = 10_000;

/** Runs `ask` when the client connects, or ten seconds later, once. */
export function whenConnected(client: object, ask: () => void): void {
  const timer = setTimeout(ask, CONNECTED_BY_MS);
  timer.unref();
  listenOnce(client, "CONNECT", () => {
    clearTimeout(timer);
    ask();
  });
}

/** Hands on the client id that the first network request names; a Kafka instance keeps its own to itself. */
export function learnClientId(client: object, learned: (clientId: string) => void): void {
  listenOnce(client, "REQUEST", ({ payload }) => {
    if (typeof payload?.clientId === "string") learned(payload.clientId);
  });
}

function listenOnce(
  client: object,
  name: "CONNECT" | "REQUEST",
  listener: (event: { payload?: { clientId?: unknown } }) => void,
): void {
  const evented = client as Evented;
  const event = evented.events?.[name];
  if (event === undefined) return;
  // kafkajs lets what a listener throws escape into the client.
  const stop = evented.on?.(event, (happened) => {
    try {
      stop?.();
      listener(happened);
    } catch {
      // Only a warning or a name is lost.
    }
  });
}
