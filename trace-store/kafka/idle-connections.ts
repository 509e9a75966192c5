import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

const kafkajsOwn = RequestQueue.prototype.scheduleCheckPendingRequests;

/**
 * Lets idle connections sleep. In kafkajs 2.2.4 every connection, once answered, asks every millisecond for as long as it
 * is open whether a request waits to be sent (tulios/kafkajs#1556 and #1704, mended by nobody yet): 1.8 % of a core for
 * each watcher. A request is made to wait only by the one that calls this, so with none waiting there is nothing to ask.
 */
export function letIdleConnectionsSleep(): void {
  RequestQueue.prototype.scheduleCheckPendingRequests = scheduleWhereOneWaits;
}

function scheduleWhereOneWaits(this: RequestQueue): void {
  if (this.pending.length > 0) kafkajsOwn.call(this);
}
