// The contract's SQL (sql/), for the schemas of one River.

import { readFileSync } from "node:fs";

/** @typedef {{ text: string, names: ReadonlyArray<string> }} Prepared `$n` stands for names[n - 1] */

/** Nothing where the search_path finds the schema. @param {string} schema */
const prefix = (schema) => (schema === "" ? "" : `"${schema.replaceAll('"', '""')}".`);

/**
 * A file with numbered parameters, without its comments.
 * @param {string} name
 * @param {string} river
 * @param {string} keeper
 * @returns {Prepared}
 */
export function prepare(name, river, keeper) {
  const file = readFileSync(new URL(`../sql/${name}.sql`, import.meta.url), "utf8");
  /** @type {string[]} */
  const names = [];
  const text = file
    .replace(/ *--.*$/gm, "")
    .replace(/%\((\w+)\)s/g, (_, parameter) => {
      if (!names.includes(parameter)) names.push(parameter);
      return `$${names.indexOf(parameter) + 1}`;
    })
    .replace(/\bkeeper\./g, () => prefix(keeper))
    .replace(/\briver\./g, () => prefix(river));
  return { text, names };
}

/**
 * What must hold for a statement of ours, until its transaction ends: names mean PostgreSQL's own functions, operators and
 * types (else a login that may create there offers a better match, with the worker's rights); a policy that hides a job is
 * an error, not a lost claim; text is read and written in one form; and the server ends the statement when its time is over.
 */
export const PIN = `SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
  pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('row_security', 'off', true),
  pg_catalog.set_config('array_nulls', 'on', true), pg_catalog.set_config('DateStyle', 'ISO, YMD', true),
  pg_catalog.set_config('IntervalStyle', 'postgres', true), pg_catalog.set_config('TimeZone', 'UTC', true),
  pg_catalog.set_config('standard_conforming_strings', 'on', true)`;

/** In which schema does the search_path find River's table? Names are qualified: the search_path is the user's. */
export const RIVER_SCHEMA = `SELECT n.nspname FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('river_job')`;
