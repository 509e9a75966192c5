/** What a service of the shop did with one message, said by the service itself and not by any span. */
export interface Deed {
  readonly service: string;
  readonly did: "produced" | "processed" | "failed" | "forwarded";
  readonly topic: string;
  /** The order's number: the message's key. */
  readonly key: string;
}

/** What services and the shop say to each other over their channel. */
export type Word =
  | { readonly say: "ready" }
  | { readonly say: "deed"; readonly deed: Deed }
  | { readonly say: "flushed" }
  | { readonly say: "play"; readonly isOnce: boolean }
  | { readonly say: "flush" };

/** A service's end of the channel. */
export interface Counter {
  did(did: Deed["did"], topic: string, key: Buffer | string | null | undefined): void;
}

/** Tells the shop what this service does. */
export function counter(service: string): Counter {
  return {
    did(did, topic, key) {
      tell({ say: "deed", deed: { service, did, topic, key: key?.toString() ?? "" } });
    },
  };
}

export function tell(word: Word): void {
  process.send?.(word);
}
