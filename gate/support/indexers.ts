import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { emptyLog, startChild, temporaryDirectory, type Child } from "../../dev/child.ts";
import { repositoryRoot } from "../../dev/root.ts";

/** Settings of the indexers of one gate. */
export interface IndexersOptions {
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
  readonly topic: string;
  /** Another program than the store's own: a mutant. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Indexers as an operator runs them: processes of one consumer group. */
export class Indexers {
  readonly #options: IndexersOptions;
  readonly #children: Child[] = [];
  readonly #directory = temporaryDirectory("indexers");
  #started = 0;

  constructor(options: IndexersOptions) {
    this.#options = options;
  }

  /** The consumer group that they are. */
  get groupId(): string {
    return `indexers-of-${this.#options.topic}`;
  }

  get running(): readonly Child[] {
    return this.#children;
  }

  async start(): Promise<Child> {
    const { brokers, databaseUrl, topic, env } = this.#options;
    const program = this.#options.program ?? join(repositoryRoot(), "trace-store", "bin", "kafka-trail.js");
    const child = await startChild({
      command: process.execPath,
      args: [program, "up", "--only", "index"],
      logFile: emptyLog(this.#directory.path, `indexer-${++this.#started}.log`),
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        KAFKA_BROKERS: brokers.join(","),
        KAFKA_TRAIL_SPAN_TOPIC: topic,
        KAFKA_TRAIL_INDEXER_GROUP: this.groupId,
        KAFKA_TRAIL_HTTP_PORT: "0",
        KAFKA_TRAIL_OTLP_GRPC_PORT: "0",
        KAFKA_TRAIL_OTLP_HTTP_PORT: "0",
        ...env,
      },
    });
    this.#children.push(child);
    return child;
  }

  /** SIGKILL, as a machine that loses its power. */
  async kill(child: Child): Promise<void> {
    child.signal("SIGKILL");
    await child.ended();
    this.#children.splice(this.#children.indexOf(child), 1);
  }

  /** SIGTERM to one of them. */
  async leave(child: Child): Promise<void> {
    this.#children.splice(this.#children.indexOf(child), 1);
    await child.stop();
  }

  /** SIGTERM to all of them. Throws when one had ended by itself: what was killed is not among them any more. */
  async end(): Promise<void> {
    const children = this.#children.splice(0);
    const ended = children.filter((child) => child.exit() !== undefined);
    await Promise.all(children.map((child) => child.stop()));
    if (ended.length > 0)
      throw new Error(`${ended.length} indexers ended by themselves:\n${this.#lastWords()}`);
  }

  /** The same, and forgets what they have logged. */
  async stop(): Promise<void> {
    try {
      await this.end();
    } finally {
      await this.#directory.remove();
    }
  }

  #lastWords(): string {
    const { path } = this.#directory;
    return readdirSync(path)
      .map((file) => `${file}: ...${readFileSync(join(path, file), "utf8").slice(-1_500)}`)
      .join("\n");
  }

  /** How often the indexers have logged something, those that are gone included. */
  countInLogs(words: string): number {
    const { path } = this.#directory;
    return readdirSync(path).reduce(
      (count, file) => count + readFileSync(join(path, file), "utf8").split(words).length - 1,
      0,
    );
  }
}
