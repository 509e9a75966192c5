export { startExport, type ExportHandle, type ExportOptions } from "./start-export.ts";
export { SpanQueue, type SpanQueueLimits, type SpanQueueStats } from "./span-queue.ts";
export { createTraceIds } from "./trace-ids.ts";
