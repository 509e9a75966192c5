import { Socket } from "node:net";
import { Client } from "pg";
import { CopyBuffer } from "./copy-buffer.ts";
import { Dictionaries, type DictionaryCaps } from "./dictionaries.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = 10_000;
const PATIENCE_MAX = 16;

/**
 * One connection for writes: opened when it is needed, thrown away after a fault that may have hurt it.
 * While it is thrown away nothing is lost: whatever was in hand is written again on the next one.
 */
export class Session {
  readonly copy = new CopyBuffer();
  /** Each session its own: a lookup that another one forgets half-way would write nameless spans. */
  readonly names: Dictionaries;
  readonly #databaseUrl: string;
  readonly #applicationName: string;
  #client: Client | undefined;
  #socket: Socket | undefined;
  #patience = 1;

  constructor(databaseUrl: string, applicationName: string, caps: DictionaryCaps) {
    this.names = new Dictionaries(caps);
    this.#databaseUrl = databaseUrl;
    this.#applicationName = applicationName;
  }

  /** After so long without an answer the peer is taken for gone: more than any statement may take. */
  get answerTimeoutMs(): number {
    return STATEMENT_TIMEOUT_MS * this.#patience * 2;
  }

  /** A statement took too long: the next connection's may take twice as long, or a batch could fail so for ever. */
  growPatience(): void {
    this.#patience = Math.min(PATIENCE_MAX, this.#patience * 2);
  }

  /** The connection, made if there is none. */
  async open(): Promise<Client> {
    if (this.#client) return this.#client;
    const client = new Client({
      connectionString: this.#databaseUrl,
      application_name: this.#applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      // Kept at hand: a peer that went without a word is only got rid of by destroying the socket.
      stream: () => (this.#socket = new Socket()),
    });
    this.#client = client;
    // What answers now may be another database: nothing learnt from the old one is trusted.
    this.names.forget();
    // An idle connection that breaks says so here; the next write finds it gone.
    client.on("error", () => this.discard());
    client.on("end", () => {
      if (this.#client === client) this.#client = undefined;
    });
    try {
      await client.connect();
      await client.query(
        `SELECT set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS * this.#patience}', false),
                set_config('lock_timeout', '${LOCK_TIMEOUT_MS}', false)`,
      );
      // Only raised: a server that waits for its standbys keeps doing so.
      await client.query(
        `SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') IN ('off', 'local')`,
      );
    } catch (fault) {
      this.discard();
      throw fault;
    }
    return client;
  }

  /** Drops the connection at once, whatever is going on in it. */
  discard(): void {
    this.#client = undefined;
    this.#socket?.destroy();
  }

  /** Says goodbye to the server. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }
}
