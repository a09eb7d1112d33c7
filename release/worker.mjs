// What a user runs after `npm install riverbeat`: its thread and its SQL must be in the package. Nothing listens at this address.
import { Beats } from "riverbeat";

let hear;
const heard = new Promise((resolve) => (hear = resolve));
const logger = { info: hear, warn: hear, error: hear };
const beats = new Beats({ connection: "postgres://127.0.0.1:1/none", clientId: "js", intervalSeconds: 0.2, logger });
setInterval(() => {}, 1000); // the beats alone keep no program alive
await heard;
await beats.close({ waitSeconds: 0 });
const { failures } = beats.stats();
console.log(`  its thread beats from the package alone: ${failures > 0 ? "yes, and nobody answers" : "no"}`);
process.exit(failures > 0 ? 0 : 1);
