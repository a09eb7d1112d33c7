// The Kubernetes pod in which this process runs, as its environment names it.

import { hostname } from "node:os";

// Kubernetes' own names, UIDs and host names: every encoding of a database has these characters, and no column is too short.
const NAME = /^[A-Za-z0-9.-]{1,253}$/;

/**
 * Parameters of pod.sql; null for each value that is not known.
 * @typedef {{ pod_namespace: string | null, pod_name: string | null, pod_uid: string | null, host: string | null }} Pod
 */

/**
 * Null where the environment names no pod. The prefix keeps a POD_NAME that was set for something else from being taken for a
 * proof of where this process runs.
 * @param {Record<string, string | undefined>} [environment]
 * @returns {Pod | null}
 */
export function readPod(environment = process.env) {
  const named = {
    pod_namespace: fitName(environment["RIVERKEEPER_POD_NAMESPACE"]),
    pod_name: fitName(environment["RIVERKEEPER_POD_NAME"]),
    pod_uid: fitName(environment["RIVERKEEPER_POD_UID"]),
  };
  return Object.values(named).some((value) => value !== null) ? { ...named, host: fitName(hostname()) } : null;
}

/**
 * The value as it is sent: null where it can be no name.
 * @param {string | null | undefined} value
 * @returns {string | null}
 */
export function fitName(value) {
  return value != null && NAME.test(value) ? value : null;
}
