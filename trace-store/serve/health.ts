/** One thing that the store needs, and how it is. */
export interface HealthCheck {
  /** `postgres`, `schema`, `span topic`, `watcher`, ... */
  readonly name: string;
  readonly isReady: boolean;
  /** A sentence for an operator: what is seen, and when it is wrong, what to do. Holds no secret. */
  readonly says: string;
}

/** Looks at everything that the process needs. main.ts composes it from its parts; it never throws. */
export interface Health {
  check(): Promise<readonly HealthCheck[]>;
}
