/** Version of this package, on every span's instrumentation scope. A test holds it to package.json. */
export const VERSION = "0.1.0";

/** What the client reads from the environment, when the first client is traced. */
export interface ClientEnvironment {
  readonly semconvStabilityOptIn: string | undefined;
  readonly version: string;
  /** `OTEL_SDK_DISABLED`: nobody expects spans, so nobody is told that there are none. */
  readonly isSdkDisabled: boolean;
}

/** Reads the standard variables that concern tracing of clients. */
export function readEnvironment(): ClientEnvironment {
  return {
    semconvStabilityOptIn: process.env["OTEL_SEMCONV_STABILITY_OPT_IN"],
    version: VERSION,
    isSdkDisabled: process.env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true",
  };
}
