import Runner from "kafkajs/src/consumer/runner.js";

const kafkajsOwn = Runner.prototype.fetch;

/** Not one of kafkajs's own that end a consumer: the runner looks once more whether it runs, and ends. */
class ConsumerStopped extends Error {
  override readonly name = "ConsumerStopped";
}

/**
 * Lets a consumer that was stopped end. In kafkajs 2.2.4 the fetchers are made anew when a broker leaves the cluster, also
 * where the consumer is stopped meanwhile. Nobody stops those: each asks, is told that there is nothing, and asks again at
 * once, without a turn of the event loop in between. The whole process stands still at 100 % of a core, for good.
 */
export function letStoppedConsumersEnd(): void {
  Runner.prototype.fetch = fetchWhileRunning;
}

async function fetchWhileRunning(this: Runner, nodeId: string): Promise<unknown[]> {
  if (!this.running) throw new ConsumerStopped("The consumer was stopped; there is nothing to fetch.");
  return kafkajsOwn.call(this, nodeId);
}
