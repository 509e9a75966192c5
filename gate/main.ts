import { runNamed } from "../dev/run.ts";

void runNamed(__dirname, "gate");
