// The adapter for River's workers, against a stand-in of the interface that src/river.js states: River's own package cannot
// be installed here.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  check,
  checkpoint,
  checkpointTx,
  ClaimLost,
  currentWork,
  progress,
  resume,
  TOKEN_KEY,
} from "../../src/index.js";
import { claimed, row, stage, takeAway, until } from "./stage.js";

/** A context as River makes one, with private fields, as a class may have them. */
class StandInContext {
  #metadata = {};
  #controller = new AbortController();

  constructor({ jobId, attempt, attemptedAt }) {
    const instant = { toString: () => attemptedAt.replace(/\.?0+Z$/, "Z") }; // Temporal.Instant leaves zeros out
    this.job = { id: BigInt(jobId), attempt, attemptedAt: instant, attemptedBy: ["before", "js"], args: { page: 4 } };
  }

  get signal() {
    return this.#controller.signal;
  }

  get metadata() {
    return this.#metadata;
  }

  setMetadata(key, value) {
    this.#metadata[key] = value;
  }

  cancel(reason) {
    this.#controller.abort(reason);
  }
}

class JobCancelledError extends Error {
  name = "JobCancelledError";
}

async function river(t, options = { fence: "native" }) {
  const { sql, beats, logged } = await stage(t, options);
  const claim = await claimed(sql);
  return { sql, beats, logged, claim, context: new StandInContext(claim) };
}

const outcome = (sql, claim) => until(async () => (await row(sql, claim))?.outcome, "the outcome");

test("the handler gets River's context and returns its result", async (t) => {
  const { sql, beats, claim, context } = await river(t);
  const handler = beats.wrap(async (ctx) => {
    await until(() => row(sql, claim), "a beat under the claim");
    ctx.setMetadata("pages", 10); // a method that uses private fields
    progress(0.4, `page ${ctx.job.args.page}`);
    await until(async () => (await row(sql, claim)).progress_at, "progress");
    return { kind: "complete" };
  });
  assert.deepEqual(await handler(context), { kind: "complete" });
  assert.equal(await outcome(sql, claim), "completed");
  assert.deepEqual(context.metadata, { pages: 10, [TOKEN_KEY]: claim.attemptedAt });
});

for (const [result, told] of [
  [undefined, "completed"],
  [{ kind: "snooze", seconds: 5 }, "snoozed"],
  [{ kind: "discard", reason: "no use" }, "failed"],
]) {
  test(`a handler that returns ${JSON.stringify(result)} is told as ${told}`, async (t) => {
    const { sql, beats, claim, context } = await river(t);
    const handler = beats.wrap(async () => {
      await until(() => row(sql, claim), "a beat under the claim");
      return result;
    });
    assert.equal(await handler(context), result);
    assert.equal(await outcome(sql, claim), told);
  });
}

for (const [error, told] of [
  [new Error("no such page"), "failed"],
  [new JobCancelledError("by an operator"), "cancelled"],
]) {
  test(`a handler that throws ${error.name} is told as ${told}, and River gets its error`, async (t) => {
    const { sql, beats, claim, context } = await river(t);
    const handler = beats.wrap(async () => {
      await until(() => row(sql, claim), "a beat under the claim");
      throw error;
    });
    await assert.rejects(handler(context), error);
    assert.equal(await outcome(sql, claim), told);
    assert.equal(context.metadata[TOKEN_KEY], claim.attemptedAt, "on the result of a failure too");
  });
}

test("a lost claim aborts the handler's signal with its cause", async (t) => {
  const { sql, beats, claim, context } = await river(t);
  const handler = beats.wrap(async ({ signal }) => {
    await until(() => row(sql, claim), "a beat under the claim");
    await takeAway(sql, claim);
    await until(() => signal.aborted, "the signal");
    signal.throwIfAborted();
  });
  await assert.rejects(handler(context), ClaimLost);
  assert.equal(context.signal.aborted, false, "River's own signal is River's");
});

test("a computing handler learns by check() that its claim is lost", async (t) => {
  const { sql, beats, claim, context } = await river(t);
  const handler = beats.wrap(async () => {
    assert.equal(currentWork().claim.jobId, String(claim.jobId));
    await until(() => row(sql, claim), "a beat under the claim");
    await takeAway(sql, claim);
    while (true) check();
  });
  await assert.rejects(handler(context), ClaimLost);
  check(); // outside of a job nothing happens
  assert.equal(currentWork(), undefined);
});

test("River's own cancellation reaches the handler", async (t) => {
  const { sql, beats, claim, context } = await river(t);
  const handler = beats.wrap(async ({ signal }) => {
    await until(() => row(sql, claim), "a beat under the claim");
    context.cancel(new JobCancelledError("by an operator"));
    assert.ok(signal.aborted);
    signal.throwIfAborted();
  });
  await assert.rejects(handler(context), JobCancelledError);
  assert.equal(await outcome(sql, claim), "cancelled");
});

test("the tier is chosen by the job", async (t) => {
  const { sql, beats, claim, context } = await river(t);
  const handler = beats.wrap(
    () => until(() => row(sql, claim), "a beat under the claim"),
    (job) => ({ intervalSeconds: 0.1 * job.attempt, leaseSeconds: 30 }),
  );
  const beaten = await handler(context);
  assert.equal(beaten.beat_interval.toPostgres(), "0.1 seconds");
  assert.equal(beaten.lease.toPostgres(), "30 seconds");
});

test("a job that no client holds is worked without heartbeats", async (t) => {
  const { beats, context } = await river(t);
  context.job.attemptedAt = null;
  assert.equal(await beats.wrap(() => "done")(context), "done");
});

test("without a fence no token is attached", async (t) => {
  const { beats, context } = await river(t, { fence: "none" });
  await beats.wrap(() => undefined)(context);
  assert.deepEqual(context.metadata, {});
});

const saved = async (sql, { jobId }) =>
  (await sql.query("SELECT value FROM riverkeeper.checkpoint WHERE job_id = $1", [jobId])).rows.map(
    ({ value }) => value,
  );

test("a job that fails at once keeps its newest checkpoint, and the next attempt goes on from there", async (t) => {
  const { sql, beats, claim, context } = await river(t, { intervalSeconds: 60 });
  const first = beats.wrap(async () => {
    assert.equal(await resume(), undefined);
    for (const page of [1, 2, 3]) checkpoint({ page });
    throw new Error("at page 4");
  });
  await assert.rejects(first(context), /at page 4/);
  assert.deepEqual(await saved(sql, claim), ['{"page":3}']);

  await takeAway(sql, claim);
  const { rows } = await sql.query(
    `UPDATE river_job SET state = 'running', attempt = 2, attempted_at = clock_timestamp() WHERE id = $1 RETURNING
      to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "attemptedAt"`,
    [claim.jobId],
  );
  const next = new StandInContext({ ...claim, attempt: 2, ...rows[0] });
  assert.deepEqual(await beats.wrap(() => resume())(next), { page: 3 });
});

test("a checkpoint in a transaction is there with its effect, and is lost with its claim", async (t) => {
  const { sql, beats, claim, context } = await river(t);
  const handler = beats.wrap(async () => {
    await sql.query("BEGIN");
    await checkpointTx(sql, 1);
    await sql.query("COMMIT");
    await takeAway(sql, claim);
    await assert.rejects(checkpointTx(sql, 2), ClaimLost);
    await assert.rejects(resume(), ClaimLost);
  });
  await handler(context);
  assert.deepEqual(await saved(sql, claim), ["1"]);
});

test("outside of a job nothing is saved, and what is no JSON is an error all the same", async () => {
  checkpoint({ page: 1 });
  assert.throws(() => checkpoint(NaN), RangeError);
  assert.equal(await resume(), undefined);
  await assert.rejects(checkpointTx(null, 1), /does not beat/);
});
