import { connect, createServer, type Socket } from "node:net";
import { answeredId, apiKeyOf, correlationIdOf, eachFrame } from "../../gate/support/kafka-frames.ts";
import { endTogether } from "./paired-sockets.ts";

/**
 * Lets clients through to another port of this machine: the second way into our brokers names a port where nothing listens.
 * `onAnswer` may change the bytes of an answer before the client gets it, and is told the API key of its request. Without TLS only.
 */
export async function openPipe(
  listenPort: number,
  targetPort: number,
  onAnswer?: (apiKey: number, answer: Buffer) => void,
): Promise<{ close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const broker = connect(targetPort, "127.0.0.1");
    if (onAnswer) joinFrames(client, broker, onAnswer);
    else client.pipe(broker).pipe(client);
    endTogether(client, broker, open);
  });
  await new Promise<void>((resolve) => server.listen(listenPort, "127.0.0.1", resolve));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const it of open) it.destroy();
      }),
  };
}

function joinFrames(
  client: Socket,
  broker: Socket,
  onAnswer: (apiKey: number, answer: Buffer) => void,
): void {
  const asked = new Map<number, number>();
  eachFrame(client, (request) => {
    asked.set(correlationIdOf(request), apiKeyOf(request));
    broker.write(request);
  });
  eachFrame(broker, (answer) => {
    onAnswer(asked.get(answeredId(answer)) ?? -1, answer);
    client.write(answer);
  });
}
