// Parts of private modules of kafkajs 2.2.4 that this room needs.
declare module "kafkajs/src/protocol/encoder.js" {
  export default class Encoder {
    writeBufferInternal(bytes: Buffer): void;
  }
}

declare module "kafkajs/src/network/requestQueue/index.js" {
  export default class RequestQueue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests: (this: RequestQueue) => void;
  }
}

declare module "kafkajs/src/consumer/runner.js" {
  export default class Runner {
    readonly running: boolean;
    fetch: (this: Runner, nodeId: string) => Promise<unknown[]>;
  }
}
