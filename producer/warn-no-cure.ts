let hasToldOfNoCure = false;

/** Says once that `resendUnacknowledged` was asked for where the partitioner is out of reach, so that nothing is cured. */
export function warnOfNoCure(): void {
  if (hasToldOfNoCure) return;
  hasToldOfNoCure = true;
  process.emitWarning(
    "resendUnacknowledged is set, but the partitioner of this producer is out of reach, so nothing is sent " +
      "again. Use traceKafka() instead of traceProducer(), or hand it kafkajs's Partitioners by the option partitioners.",
    { type: "kafka-trail" },
  );
}
