// Values as the tables take them: one bad value would fail the beat of every other claim. Pure.

/** The key of a job's metadata under which its result carries the fencing token. */
export const TOKEN_KEY = "riverkeeper:claim";

const NOTE_BYTES = 1024; // the table refuses longer notes
const CHECKPOINT_BYTES = 8192; // nor longer checkpoints
const SMALLEST = 1e-6; // a `real` column refuses numbers that are nearly, but not quite, nothing
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-]\d\d)(?::?(\d\d))?)$/i;

/**
 * One attempt of one job. `attemptedAt` is the database's text, or a Temporal.Instant. A Date has no microseconds: then the
 * client reads the text from River's table.
 * @typedef {object} Claim
 * @property {bigint | number | string} jobId
 * @property {number} attempt
 * @property {string | Date | { toString(): string }} attemptedAt
 */

/**
 * A claim as the statements take it.
 * @typedef {{ jobId: string, attempt: number, attemptedAt: string }} CheckedClaim
 */

/**
 * `attempted_at` in the form of the contract, to the microsecond. Throws RangeError for what is no such time.
 * @param {string | { toString(): string }} at
 * @returns {string}
 */
export function attemptedAtText(at) {
  if (at instanceof Date) throw new RangeError("a Date has no microseconds: it matches no claim");
  const match = TIME.exec(String(at));
  if (!match) throw new RangeError(`attemptedAt must be like 2026-01-31T23:59:59.123456Z, not ${at}`);
  const [, day, time, fraction = "", hours = "+00", minutes = "00"] = match;
  if (/[1-9]/.test(fraction.slice(6))) throw new RangeError(`attemptedAt has more than microseconds: ${at}`);
  const local = new Date(`${day}T${time}Z`);
  if (Number.isNaN(local.getTime()) || !local.toISOString().startsWith(`${day}T${time}`)) {
    throw new RangeError(`attemptedAt is no time: ${at}`);
  }
  const offset = (Math.abs(Number(hours)) * 60 + Number(minutes)) * (hours.startsWith("-") ? -1 : 1);
  const seconds = new Date(local.getTime() - offset * 60_000).toISOString().slice(0, 19);
  return `${seconds}.${fraction.slice(0, 6).padEnd(6, "0")}Z`; // Temporal and JSON leave zeros out
}

/**
 * Throws RangeError for values that no claim can have.
 * @param {bigint | number | string} jobId
 * @param {number} attempt
 * @returns {{ jobId: string, attempt: number }}
 */
export function checkedJob(jobId, attempt) {
  if (typeof jobId === "number" && !Number.isSafeInteger(jobId)) {
    throw new RangeError(`a job id of this size must be a bigint or a string: ${jobId}`);
  }
  const id = BigInt(jobId);
  if (id < 1n || id >= 2n ** 63n || !Number.isInteger(attempt) || attempt < 0 || attempt >= 2 ** 15) {
    throw new RangeError(`no job can have the id ${jobId} or the attempt ${attempt}`);
  }
  return { jobId: String(id), attempt };
}

/**
 * The fraction as the table takes it, from 0 to 1; null for what is no number.
 * @param {unknown} value
 * @returns {number | null}
 */
export function fitFraction(value) {
  if (typeof value !== "number" || Number.isNaN(value)) return null;
  const fraction = Math.min(Math.max(value, 0), 1);
  return fraction < SMALLEST ? 0 : fraction;
}

/**
 * The note as the table takes it: well-formed, without NUL, of at most 1 kB, and never cut inside a character. null for an
 * empty note, and for what is no text.
 * @param {unknown} note
 * @returns {string | null}
 */
export function fitNote(note) {
  if (typeof note !== "string" || note === "") return null;
  const short = note.slice(0, NOTE_BYTES + 1); // a character has a byte at least: do not encode a whole file
  const bytes = Buffer.from(short.replace(/[\0\p{Surrogate}]/gu, "?"), "utf8");
  let end = Math.min(bytes.length, NOTE_BYTES);
  while (end < bytes.length && (bytes.readUInt8(end) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

/**
 * A note for a database whose encoding lacks a character of it.
 * @param {string} note
 * @returns {string}
 */
export function asciiNote(note) {
  return note.replace(/[^\x00-\x7f]/gu, "?");
}

/**
 * Text that Postgres reads the same under every IntervalStyle.
 * @param {number | null} seconds
 * @returns {string | null}
 */
export function intervalText(seconds) {
  return seconds === null ? null : `${Math.round(seconds * 1e6)} microseconds`;
}

/**
 * A Postgres array as text.
 * @param {ReadonlyArray<string | number | boolean | null>} values
 * @returns {string}
 */
export function arrayText(values) {
  const elements = values.map((value) => (value === null ? "NULL" : `"${String(value).replace(/["\\]/g, "\\$&")}"`));
  return `{${elements.join(",")}}`;
}

/**
 * A checkpoint as JSON in ASCII: no encoding of a database refuses it. Throws RangeError for what is no checkpoint.
 * @param {unknown} value
 * @returns {string}
 */
export function encodeCheckpoint(value) {
  let text;
  try {
    text = JSON.stringify(value, checked);
  } catch (error) {
    throw new RangeError(`riverbeat: a checkpoint must be JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (text === undefined) throw new RangeError(`riverbeat: a checkpoint must be JSON, not ${typeof value}`);
  const ascii = text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  if (ascii.length > CHECKPOINT_BYTES) {
    throw new RangeError(
      `riverbeat: a checkpoint takes at most ${CHECKPOINT_BYTES} bytes of JSON, not ${ascii.length}`,
    );
  }
  return ascii;
}

/** What JSON.stringify would change without an error. @param {string} key @param {unknown} value */
function checked(key, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError(`it has no ${value}`);
  for (const text of [key, value]) {
    if (typeof text === "string" && /\p{Surrogate}/u.test(text)) throw new RangeError("a lone surrogate is no text");
  }
  return value;
}
