// The clock of leases.

import { uptime } from "node:os";

/**
 * Seconds on a clock that runs through suspend, where the system has one, and that nobody can set. `performance.now()`
 * stops while the machine sleeps: a worker that wakes up would trust a lease that ended long ago. On Linux the steps are
 * 10 ms.
 * @returns {number}
 */
export function leaseClock() {
  return uptime();
}
