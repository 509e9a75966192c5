// Exports one span by OpenTelemetry's own exporter in a process of its own, and prints its trace id once it was told that
// the span is delivered. Jest's sandbox cannot run the HTTP exporters: they import a module while running.
// usage: node export-one-span.mjs grpc|proto|http <url>
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";

const [protocol, url] = process.argv.slice(2);
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${protocol}`);
const exporter = new OTLPTraceExporter({ url });
const delivered = new Promise((resolve, reject) => {
  const told = exporter.export.bind(exporter);
  exporter.export = (spans, done) =>
    told(spans, (result) => {
      done(result);
      if (result.code === 0) resolve();
      else reject(result.error);
    });
});

const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const span = provider.getTracer("test").startSpan("send orders");
span.end();
await delivered;
await provider.shutdown();
process.stdout.write(span.spanContext().traceId);
