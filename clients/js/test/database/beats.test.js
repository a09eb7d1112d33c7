import assert from "node:assert/strict";
import { test } from "node:test";
import { MessagePort } from "node:worker_threads";
import { BeatsStopped, ClaimLost, progress, verifyClaim } from "../../src/index.js";
import { claimed, row, stage, takeAway, until } from "./stage.js";

const BUSY_MS = 5000;
const LEAST_BEATS = 5; // of about 25: a busy machine may be slow, but a silent process would have none

/** Never lets go of the event loop. */
function compute(until) {
  for (let sum = 0; until() === false; ) sum += Math.sqrt(sum + 1);
}

test("beats go on while the main thread computes for five seconds", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  const work = await beats.begin(claim);
  await until(() => row(sql, claim), "the first beat");
  const before = beats.stats().beats;

  const end = performance.now() + BUSY_MS;
  compute(() => performance.now() > end);

  assert.ok(beats.stats().beats - before >= LEAST_BEATS, "counted before the event loop turned again");
  assert.equal(work.finish("completed"), true);
  assert.equal((await until(async () => (await row(sql, claim)).outcome, "the outcome")) === "completed", true);
});

test("progress of a computing main thread is sent", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  const work = await beats.begin(claim);
  await until(() => row(sql, claim), "the first beat");
  const before = beats.stats().beats;

  compute(() => {
    work.progress(0.5, "half");
    return beats.stats().beats >= before + 3;
  });

  assert.equal((await row(sql, claim)).note, "half");
  work.finish("completed");
});

test("a computing main thread learns by check() that its claim is lost", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  const work = await beats.begin(claim);
  await until(() => row(sql, claim), "the first beat");
  await takeAway(sql, claim);

  assert.throws(() => compute(() => (work.check(), false)), ClaimLost);
  assert.equal(work.finish("failed"), false);
});

test("an idle process beats, and its row says who it is", async (t) => {
  const { sql, beats } = await stage(t);
  const client = await until(
    async () => (await sql.query("SELECT * FROM riverkeeper.client WHERE instance = $1", [beats.instance])).rows[0],
    "the process to beat",
  );
  assert.equal(client.client_id, "js");
  assert.match(client.software, /^riverbeat-node\/\d/);
  assert.equal(client.kinds, null);
});

test("a Date has no microseconds: the claim is read from River's table", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  const work = await beats.begin({ ...claim, attemptedAt: claim.date });
  assert.equal(work.claim.attemptedAt, claim.attemptedAt);
  await until(() => row(sql, claim), "a beat under the claim");
  work.finish("completed");

  await takeAway(sql, claim);
  const none = { ...claim, attemptedAt: claim.date };
  await assert.rejects(
    beats.run(none, () => assert.fail("it must not begin")),
    ClaimLost,
  );
  assert.equal((await beats.begin(none)).finish("failed"), false);
});

test("a claim that cannot be read is worked on without heartbeats", async (t) => {
  const { beats, logged } = await stage(t);
  const work = await beats.begin({ jobId: 1n, attempt: 1, attemptedAt: "now" });
  assert.equal(work.claim, null);
  assert.equal(work.token, null);
  assert.equal(work.finish("completed"), true);
  assert.ok(logged.some(({ message }) => message === "riverbeat: a job runs without heartbeats"));
});

test("the first beat already says whether results are fenced, and by the client's name whether River guards them", async (t) => {
  const kinds = { token: [true, "riverbeat-node"], native: [true, "riverbeat-js"], none: [false, "riverbeat-node"] };
  for (const [fence, [fences, software]] of Object.entries(kinds)) {
    const { sql, beats } = await stage(t, { fence, intervalSeconds: 60 });
    const query = "SELECT fences, split_part(software, '/', 1) AS software FROM riverkeeper.client WHERE instance = $1";
    const { rows } = await until(async () => {
      const found = await sql.query(query, [beats.instance]);
      return found.rows.length > 0 && found;
    }, "the process to beat");
    assert.deepEqual(rows, [{ fences, software }], fence);
  }
});

test("Temporal leaves zeros out, and matches all the same", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql, "'2026-01-31T23:59:59.120000Z'");
  const instant = { toString: () => "2026-01-31T23:59:59.12Z" };
  await beats.run({ ...claim, attemptedAt: instant }, () => until(() => row(sql, claim), "a beat under the claim"));
});

test("progress() reports from anywhere below run, fitted to the table", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  await beats.run(claim, async () => {
    progress(7, `\0 \ud800 ${"€".repeat(10_000)}`);
    const reported = await until(async () => (await row(sql, claim))?.progress_at && row(sql, claim), "progress");
    assert.equal(reported.progress, 1);
    assert.match(reported.note, /^\? \? €+$/);
    assert.equal(Buffer.byteLength(reported.note), 1024 - ((1024 - 4) % 3));
    progress(NaN);
    await until(async () => (await row(sql, claim)).progress === null, "a number that is none");
  });
  progress(0.5); // outside of a job nothing happens
  assert.equal(await until(async () => (await row(sql, claim)).outcome, "the outcome"), "completed");
});

test("work that is left when the beats stop is cancelled, and told as abandoned", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  const work = await beats.begin(claim);
  await until(() => row(sql, claim), "the first beat");
  await beats.close({ waitSeconds: 0 });

  assert.ok(work.signal.reason instanceof BeatsStopped);
  assert.equal((await row(sql, claim)).outcome, "abandoned");
  assert.equal((await beats.begin(claim)).claim, null, "closed: it takes no more claims");
});

test("close waits for work that is at hand", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  const work = await beats.begin(claim);
  await until(() => row(sql, claim), "the first beat");
  const closed = beats.close();
  await until(async () => work.finish("completed"), "the work");
  await closed;
  assert.equal((await row(sql, claim)).outcome, "completed");
});

test("a thread that crashed is started again, with all claims", async (t) => {
  const { sql, beats, logged } = await stage(t);
  const claim = await claimed(sql);
  const work = await beats.begin(claim);
  await until(() => row(sql, claim), "the first beat");

  const { postMessage } = MessagePort.prototype;
  MessagePort.prototype.postMessage = function () {
    MessagePort.prototype.postMessage = postMessage;
    this.postMessage({ do: "a command that the thread does not know" });
  };
  work.checkpoint({ page: 7 }); // its message is lost with the thread
  const found = assert.rejects(work.resume(), /could not be read/);

  await until(
    () => logged.some(({ message }) => message === "riverbeat: the thread that beats has crashed"),
    "the crash",
  );
  const { beat_at } = await row(sql, claim);
  await until(async () => (await row(sql, claim)).beat_at > beat_at, "a beat of the next thread");
  assert.equal(work.signal.aborted, false);
  await found;
  await until(async () => (await work.resume())?.page === 7, "the checkpoint of before");
  work.finish("completed");
});

test("verifyClaim locks the job, or says that the claim is lost", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  const work = await beats.begin(claim);
  await sql.query("BEGIN");
  await verifyClaim(sql, work);
  await sql.query("COMMIT");
  await takeAway(sql, claim);

  await assert.rejects(verifyClaim(sql, work), ClaimLost);
  work.finish("failed");
});

test("a claim that is begun twice beats once", async (t) => {
  const { sql, beats } = await stage(t);
  const claim = await claimed(sql);
  const outer = await beats.begin(claim);
  const inner = await beats.begin(claim);
  inner.finish("completed");
  await until(() => row(sql, claim), "the first beat");
  assert.equal(outer.finish("failed"), true);
  assert.equal(await until(async () => (await row(sql, claim)).outcome, "the outcome"), "failed");
});

test("options that cannot work are refused at once", async (t) => {
  const { beats } = await stage(t);
  const Beats = beats.constructor;
  assert.throws(() => new Beats({ clientId: "js" }), /connection is missing/);
  assert.throws(() => new Beats({ connection: "postgres:///" }), /clientId is missing/);
  assert.throws(() => new Beats({ connection: "postgres:///", clientId: "js", intervalSeconds: 0 }), RangeError);
});
