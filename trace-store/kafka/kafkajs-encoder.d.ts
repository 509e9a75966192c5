// The part of a private module of kafkajs 2.2.4 that topic-ids.ts needs.
declare module "kafkajs/src/protocol/encoder.js" {
  export default class Encoder {
    writeBufferInternal(bytes: Buffer): void;
  }
}
