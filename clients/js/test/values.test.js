import assert from "node:assert/strict";
import { test } from "node:test";
import { arrayText, asciiNote, attemptedAtText, checkedJob, encodeCheckpoint, intervalText } from "../src/values.js";

test("a Date matches no claim", () => {
  assert.throws(() => attemptedAtText(new Date()), /a Date has no microseconds/);
});

test("nanoseconds that are not zero are no claim of Postgres", () => {
  assert.throws(() => attemptedAtText("2026-01-31T23:59:59.123456789Z"), /more than microseconds/);
});

test("a job id is a bigint, a string or a number that is exact", () => {
  assert.deepEqual(checkedJob(2n ** 63n - 1n, 1), { jobId: "9223372036854775807", attempt: 1 });
  assert.deepEqual(checkedJob("9223372036854775807", 0), { jobId: "9223372036854775807", attempt: 0 });
  assert.deepEqual(checkedJob(7, 32767), { jobId: "7", attempt: 32767 });
  for (const id of [0, -1, 1.5, 2 ** 53, 2n ** 63n, "x"]) assert.throws(() => checkedJob(id, 1));
  for (const attempt of [-1, 1.5, 32768, NaN]) assert.throws(() => checkedJob(1, attempt), RangeError);
});

test("arrays and intervals are text that Postgres reads under every setting", () => {
  assert.equal(arrayText(["a", null, 'say "hi" \\ {,}', 1, true]), '{"a",NULL,"say \\"hi\\" \\\\ {,}","1","true"}');
  assert.equal(arrayText([]), "{}");
  assert.equal(intervalText(0.2), "200000 microseconds");
  assert.equal(intervalText(null), null);
});

test("a note for a database that lacks a character", () => {
  assert.equal(asciiNote("50 € 😀"), "50 ? ?");
});

test("a checkpoint is what JSON has", () => {
  const loop = {};
  loop.self = loop;
  for (const value of [undefined, () => {}, 1n, loop, { at: [NaN] }, { "\ud800": 1 }]) {
    assert.throws(() => encodeCheckpoint(value), RangeError);
  }
  assert.equal(encodeCheckpoint({ at: new Date(0), gone: undefined }), '{"at":"1970-01-01T00:00:00.000Z"}');
});
