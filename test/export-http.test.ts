import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { runText } from "./support/program.ts";

/** Exports one span over OTLP/HTTP to a server that has one path, and tells what that was asked for. */
async function exportTo(servedPath: string, { endpointPath = "" } = {}) {
  const paths: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    paths.push(url);
    response.writeHead(url === servedPath ? 200 : 404, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}${endpointPath}`;
  const { stderr } = await runText(
    `const { startExport } = require("kafka-trail/export");
     const { trace } = require("@opentelemetry/api");
     startExport({ serviceName: "app", endpoint: "${endpoint}" });
     trace.getTracer("t").startSpan("work").end();`,
    { env: { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" } },
  ).ended;
  server.close();
  return { paths, stderr };
}

test.each([
  ["", "/v1/traces"],
  ["/", "/v1/traces"],
  ["/otlp/traces", "/otlp/traces"],
])("over HTTP the endpoint %p exports to %p", async (endpointPath, path) => {
  const { paths, stderr } = await exportTo(path, { endpointPath });

  expect(paths).toEqual([path]);
  expect(stderr).toBe("");
});

test("a server that takes no spans there is told of, with what to look at", async () => {
  const { stderr } = await exportTo("/elsewhere");

  expect(stderr).toMatch(/spans were refused, and are dropped.*OTEL_EXPORTER_OTLP_ENDPOINT.*Seen: Not Found/);
  expect(stderr).not.toContain("go again");
});
