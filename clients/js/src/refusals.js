// The answers that mean: no heartbeats are possible here. Such an answer cancels nothing. Pure.

/** @type {Readonly<Record<string, string>>} */
const REFUSALS = {
  "42P01": "a table is missing: install or upgrade the keeper schema (riverkeeper schema install)",
  "3F000": "a schema is missing: install the keeper schema (riverkeeper schema install)",
  42703: "a column is missing: upgrade the keeper schema (riverkeeper schema install) or this client",
  42883: "a function is missing: upgrade the keeper schema (riverkeeper schema install) or this client",
  42704: "an object is missing: upgrade the keeper schema (riverkeeper schema install) or this client",
  42501: "a grant is missing (riverkeeper schema grants)",
  25006: "the server is read-only: connect to the primary",
  28000: "the server refused the login",
  "28P01": "the server refused the password",
  "3D000": "the database does not exist",
};
const SCHEMA_IS_GONE = new Set(["42P01", "3F000"]);
const OLDEST_VERSION = 2; // of the keeper schema: the first with heartbeats
const NEWEST_COMPATIBLE = 2; // a schema that needs a newer client is not used
const TRY_AGAIN = new Set(["40P01", "40001"]); // a deadlock, a serialization failure

/** The keeper schema must not be used: it belongs to another River, or its version does not fit. */
export class Refused extends Error {
  /** @override */
  name = "Refused";
}

/**
 * @param {unknown} error
 * @returns {string} the SQLSTATE, "" where the statement got no answer
 */
export function sqlstate(error) {
  const code = error instanceof Error && "severity" in error && "code" in error ? error.code : "";
  return typeof code === "string" ? code : "";
}

/**
 * Why the database accepts no beats; "" for every other failure, which proves nothing.
 * @param {unknown} error
 * @returns {string}
 */
export function refusalReason(error) {
  return error instanceof Refused ? error.message : (REFUSALS[sqlstate(error)] ?? "");
}

/** @param {unknown} error */
export const isSchemaGone = (error) => SCHEMA_IS_GONE.has(sqlstate(error));

/** @param {unknown} error */
export const isRetryable = (error) => TRY_AGAIN.has(sqlstate(error));

/** The database's encoding lacks a character. @param {unknown} error */
export const isMissingCharacter = (error) => sqlstate(error) === "22P05";

/**
 * May this client beat, by the answer of meta.sql?
 * @param {{ river_schema: string, version: number, min_compatible: number, fence: boolean } | null} meta
 * @param {string} river
 * @param {string} keeper
 * @returns {{ refusal: string, fence: boolean | null }} fence null: nothing new
 */
export function judgeMeta(meta, river, keeper) {
  const schema = `keeper schema "${keeper}"`;
  if (!meta) return { refusal: `${schema} is not fully installed: run riverkeeper schema install`, fence: null };
  if (meta.river_schema !== river) {
    const refusal = `${schema} serves River schema "${meta.river_schema}", not "${river}": set keeperSchema or riverSchema`;
    return { refusal, fence: null };
  }
  let refusal = "";
  if (meta.version < OLDEST_VERSION) refusal = `${schema} has version ${meta.version}, without heartbeats: upgrade it`;
  else if (meta.min_compatible > NEWEST_COMPATIBLE) {
    refusal = `${schema} needs a client of version ${meta.min_compatible}, this one has ${NEWEST_COMPATIBLE}: upgrade the client`;
  }
  return { refusal, fence: meta.fence };
}
