const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** What is called when the app is about to stop. */
export interface ExitHooks {
  /** Exports what waits, within a bound. Never rejects. */
  flush(): Promise<void>;
  /** True when there is something to flush that was not there at the last call, and somebody to take it. */
  hasNews(): boolean;
  /** Called last of all, after what could be flushed was: says what is lost. Never throws. */
  atEnd(): void;
}

/**
 * Flushes before the app stops, without changing when or how it stops. Returns the undo.
 *
 * A signal's listener takes itself away before anything else runs: whoever else listens sees the list of listeners as it
 * would be without us (signal-exit decides by its length), and where nobody does, the signal is sent again after the
 * flush and takes its default course. A second signal while flushing ends the process at once.
 */
export function flushOnExit(hooks: ExitHooks): () => void {
  const onSignal = (signal: NodeJS.Signals) => {
    process.removeListener(signal, onSignal);
    const isOursAlone = process.listenerCount(signal) === 0;
    void hooks.flush().then(() => {
      if (!isOursAlone) return;
      // A process that a signal ends has no exit event.
      hooks.atEnd();
      process.kill(process.pid, signal);
    });
  };
  // Emitted each time the event loop runs dry, again after our own flush too: without news it must come to an end.
  const onBeforeExit = () => {
    if (hooks.hasNews()) void hooks.flush();
  };
  for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  const onExit = () => hooks.atEnd();
  process.on("beforeExit", onBeforeExit);
  process.on("exit", onExit);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
    process.removeListener("beforeExit", onBeforeExit);
    process.removeListener("exit", onExit);
  };
}
