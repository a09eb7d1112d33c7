// The client behind the conformance protocol (tests/conformance): commands in, events out, one JSON object a line.

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import pg from "pg";
import { Beats, checkpointTx, ClaimLost } from "../src/index.js";

const CAUSES = { ClaimLost: "claim_lost", LeaseExpired: "lease_expired", StopRequested: "stop_requested" };

const flags = ["database-url", "river-schema", "keeper-schema", "client-id", "interval"];
const { values } = parseArgs({
  args: process.argv.slice(2).map((argument) => argument.replace(/^-(?=[a-z])/, "--")),
  options: Object.fromEntries(flags.map((flag) => [flag, { type: "string", default: "" }])),
});
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const seconds = (duration) => (duration ? Number.parseFloat(duration) : undefined);

const log = (message, fields) => console.error(message, fields);
const beats = new Beats({
  connection: values["database-url"],
  riverSchema: values["river-schema"],
  keeperSchema: values["keeper-schema"],
  clientId: values["client-id"],
  intervalSeconds: seconds(values.interval),
  fence: "token",
  logger: { info: log, warn: log, error: log },
});
const jobs = new Map(); // by id, the oldest attempt first

function start({ job_id, attempt, attempted_at, interval, lease }) {
  const claim = { job_id, attempt, attempted_at };
  const begun = beats.begin(
    { jobId: job_id, attempt, attemptedAt: attempted_at },
    { intervalSeconds: seconds(interval), leaseSeconds: seconds(lease) ?? null },
  );
  jobs.set(job_id, [...(jobs.get(job_id) ?? []), { claim, begun }]);
  begun.then((work) => {
    const stopped = () => say({ event: "cancelled", ...claim, cause: CAUSES[work.signal.reason.name] });
    if (work.signal.aborted) stopped();
    else work.signal.addEventListener("abort", stopped);
    say({ event: work.claim ? "begun" : "refused", ...claim });
  });
}

async function finish({ job_id, outcome }) {
  const [{ claim, begun }, ...left] = jobs.get(job_id);
  jobs.set(job_id, left);
  const work = await begun;
  if (outcome === "failed" || outcome === "snoozed") await work.saveCheckpoint();
  const { token } = work;
  say({ event: "result", ...claim, token, held: work.finish(outcome) });
}

async function progress({ job_id, value, note }) {
  const number = typeof value === "string" ? Number(value) : value; // JSON has no NaN and no infinity
  (await jobs.get(job_id).at(-1).begun).progress(number, note);
}

async function checkpoint({ job_id, value }) {
  const { claim, begun } = jobs.get(job_id).at(-1);
  const work = await begun;
  let accepted = true;
  try {
    work.checkpoint(value);
  } catch (error) {
    accepted = error instanceof ClaimLost;
  }
  say({ event: "checkpoint", ...claim, accepted });
}

async function checkpoint_tx({ job_id, value, commit }) {
  const { claim, begun } = jobs.get(job_id).at(-1);
  const work = await begun;
  const client = new pg.Client(values["database-url"]);
  await client.connect();
  const held = await client
    .query("BEGIN")
    .then(() => checkpointTx(client, value, work))
    .then(() => client.query(commit ? "COMMIT" : "ROLLBACK"))
    .then(() => true)
    .catch((error) => {
      if (error instanceof ClaimLost) return false;
      throw error;
    });
  await client.end();
  say({ event: "checkpoint_tx", ...claim, held });
}

async function resume({ job_id }) {
  const { claim, begun } = jobs.get(job_id).at(-1);
  const answer = await (await begun).resume().then(
    (value) => ({ held: true, found: value !== undefined, value: value ?? null }),
    (error) => {
      if (error instanceof ClaimLost) return { held: false, found: false, value: null };
      throw error;
    },
  );
  say({ event: "resumed", ...claim, ...answer });
}

const commands = {
  start,
  finish,
  progress,
  checkpoint,
  checkpoint_tx,
  resume,
  stats: () => say({ event: "stats", stats: beats.stats() }),
};
say({ event: "ready" });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.do === "quit") break;
  void commands[command.do](command); // a wait must not hold up the next command
}
await beats.close({ waitSeconds: 0 });
process.exit();
