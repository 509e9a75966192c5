import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { KafkaCluster } from "../../dev/kafka.ts";
import { answeredId, apiKeyOf, correlationIdOf, eachFrame } from "./kafka-frames.ts";

/** What happens to a request: it is not forwarded, or its answer is swallowed (and the connection closed), or held. */
export type Fault = "drop" | "swallow" | "delay";

const PRODUCE = 0;
const DELAY_MS = 1_000;

/** Stands in front of every broker of a cluster, for clients that bootstrap from {@link FaultyProxy.brokers}. */
export class FaultyProxy {
  readonly brokers: readonly string[];
  readonly #servers: readonly Server[];
  readonly #sockets = new Set<Socket>();
  /** The fault of the next Produce request to a broker, by node id. */
  readonly #next = new Map<number, Fault>();
  /** Swallows the answer to every so-manieth Produce request, whichever broker it goes to; `undefined` swallows none. */
  swallowEvery: number | undefined;
  #asked = 0;
  #done = 0;

  static async start(cluster: KafkaCluster): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(cluster);
    await Promise.all(
      cluster.nodes.map(
        ({ proxied }, i) =>
          new Promise<void>((ready) => proxy.#servers[i]?.listen(proxied.listenPort, "127.0.0.1", ready)),
      ),
    );
    return proxy;
  }

  private constructor({ nodes }: KafkaCluster) {
    this.brokers = nodes.map(({ proxied }) => `127.0.0.1:${proxied.listenPort}`);
    this.#servers = nodes.map(({ nodeId, proxied }) =>
      createServer((client) => this.#join(client, nodeId, proxied.targetPort)),
    );
  }

  /** Faults that have hit a request. */
  get faultsDone(): number {
    return this.#done;
  }

  /** Gives the next Produce request to a broker a fault. */
  failNext(nodeId: number, fault: Fault): void {
    this.#next.set(nodeId, fault);
  }

  /** Fails requests to one broker after the other, in turn in every way, until `isOver`. */
  async failSteadily(everyMs: number, isOver: () => boolean): Promise<void> {
    const faults: readonly Fault[] = ["drop", "swallow", "delay"];
    for (let i = 0; !isOver(); i++) {
      this.failNext(1 + (i % this.brokers.length), faults[i % faults.length] ?? "drop");
      await pause(everyMs);
    }
    this.#next.clear();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((closed) => server.close(closed))));
  }

  #join(client: Socket, nodeId: number, targetPort: number): void {
    const broker = connect(targetPort, "127.0.0.1");
    const held = new Map<number, Fault>();
    const cut = () => {
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      this.#sockets.add(socket);
      socket.on("error", cut);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    eachFrame(client, (request) => {
      const fault = apiKeyOf(request) === PRODUCE ? this.#take(nodeId) : undefined;
      if (fault === "drop") return cut();
      if (fault !== undefined) held.set(correlationIdOf(request), fault);
      broker.write(request);
    });
    eachFrame(broker, (answer) => {
      const fault = held.get(answeredId(answer));
      if (fault === "swallow") return cut();
      if (fault === undefined) client.write(answer);
      else setTimeout(() => client.destroyed || client.write(answer), DELAY_MS);
    });
  }

  #take(nodeId: number): Fault | undefined {
    const isDue = this.swallowEvery !== undefined && ++this.#asked % this.swallowEvery === 0;
    const fault = isDue ? "swallow" : this.#next.get(nodeId);
    if (fault === undefined) return undefined;
    this.#next.delete(nodeId);
    this.#done++;
    return fault;
  }
}
