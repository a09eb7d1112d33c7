// The thread that beats: a busy event loop in the main thread does not stop it.

import { parentPort, workerData } from "node:worker_threads";
import { HeartbeatTable } from "./table.js";
import { Ticker } from "./ticker.js";

const { port, config, asksPassword, process: self } = workerData;

/** @type {{ resolve: (password: string) => void, reject: (error: Error) => void } | null} */
let waiting = null;
const password = () =>
  new Promise((resolve, reject) => {
    waiting = { resolve, reject };
    port.postMessage({ event: "password" });
  });

const table = new HeartbeatTable(asksPassword ? { ...config, password } : config, self);
const ticker = new Ticker(table, self.interval, (event) => port.postMessage(event));

port.on("message", (/** @type {any} */ command) => {
  if (command.do === "password") {
    if (command.error) waiting?.reject(new Error(command.error));
    else waiting?.resolve(command.password);
  } else ticker[/** @type {"begin"} */ (command.do)](command);
});

await ticker.run();
port.postMessage({ event: "closed" });
port.close();
parentPort?.close();
