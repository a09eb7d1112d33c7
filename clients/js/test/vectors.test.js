// The contract's test vectors (clients/vectors), which every client reads.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decide } from "../src/decisions.js";
import { fitName } from "../src/pod.js";
import { isSchemaGone, judgeMeta, refusalReason } from "../src/refusals.js";
import { attemptedAtText, encodeCheckpoint, fitFraction, fitNote } from "../src/values.js";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));

for (const { name, given, text, claimed_at, matches } of vectors("claims")) {
  test(`claim: ${name}`, () => {
    if (text === null) return assert.throws(() => attemptedAtText(given), RangeError);
    assert.equal(attemptedAtText(given), text);
    assert.equal(
      attemptedAtText({ toString: () => given }),
      text,
      "an object that writes itself so, as Temporal.Instant",
    );
    assert.equal(attemptedAtText(given) === claimed_at, matches);
  });
}

for (const { name, given, sent } of vectors("progress")) {
  test(`progress: ${name}`, () => {
    const value = typeof given === "string" ? Number(given) : given;
    assert.equal(fitFraction(value)?.toFixed(6) ?? null, sent === null ? null : sent.toFixed(6));
  });
}

for (const { name, given, sent, needs } of vectors("notes")) {
  if (needs === "bytes") continue; // strings here are of UTF-16
  test(`note: ${name}`, () => assert.equal(fitNote(given), sent));
}

for (const { name, given, sent } of vectors("pods")) {
  test(`pod: ${name}`, () => assert.equal(fitName(given), sent));
}

for (const { name, given, times, sent, needs } of vectors("checkpoints")) {
  test(`checkpoint: ${name}`, () => {
    const value = needs === "numbers" ? Number(given) : times === undefined ? given : given.repeat(times);
    if (sent === null) assert.throws(() => encodeCheckpoint(value), RangeError);
    else if (times === undefined) assert.equal(encodeCheckpoint(value), sent);
    else assert.equal(encodeCheckpoint(value).length, Number(sent));
  });
}

for (const { sqlstate, name, meaning, fence_is_gone } of vectors("sqlstates")) {
  test(`SQLSTATE ${sqlstate}: ${name}`, () => {
    const error = Object.assign(new Error(name), sqlstate === null ? {} : { code: sqlstate, severity: "ERROR" });
    assert.equal(refusalReason(error) !== "", meaning !== "failure");
    assert.equal(isSchemaGone(error), fence_is_gone);
  });
}

for (const { name, own_river_schema, row, beats, fence } of vectors("meta")) {
  test(`meta: ${name}`, () => {
    const judged = judgeMeta(row, own_river_schema, "riverkeeper");
    assert.equal(judged.refusal === "", beats);
    assert.equal(judged.fence, fence);
  });
}

const STATUSES = new Set(["held", "stop", "finished", "lost", "missing"]);
for (const { name, answer, cancel, beats_on, renews_lease } of vectors("decisions")) {
  if (!STATUSES.has(answer)) continue; // failures are no answer: the conformance suite plays them
  test(`answer: ${name}`, () => {
    const decision = decide(answer === "missing" ? undefined : answer);
    assert.equal(decision.cancel, cancel);
    assert.equal(decision.beatsOn, beats_on);
    assert.equal(decision.renewsLease, renews_lease);
    assert.equal(decision.known, answer !== "missing");
  });
}
