"""From a container's end until River works its job again, for real workers without heartbeats: p50, p99 and max.

    PYTHONPATH=tests python -m kubernetes.measure_deaths --deaths 100      (after tests/kubernetes/tools.sh)
    PYTHONPATH=tests python -m kubernetes.measure_deaths --rust            (workers in Rust, not in Go)

A real API server, one replica in live mode, the defaults but for `on_worker_dead: retry`. In each round ten workers are
killed, and their containers shown as ended: killed for memory, exit 1, exit 0. Ten others take the jobs over.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from e2e.programs import Program
from e2e.river import River
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.waiting import until
from kubernetes.cluster import cluster_at_work
from kubernetes.kubelet import Kubelet, WorkerPod, give_rights, worker_in_pod
from riverkeeper.demo.postgres import THROW_AWAY, start_postgres

AT_ONCE = 10
PATIENCE = 300.0
CONFIG = """
rescue: {{mode: live, grace: 0s, cooldown: 0s, max_rescues: 1000, max_per_minute: 100000}}
tiers: {{standard: {{on_worker_dead: retry}}}}
kubernetes: {{enabled: true, label_selector: app=worker, kubeconfig: {kubeconfig}}}
"""
HELD = """SELECT id, attempt, attempted_by[cardinality(attempted_by)] FROM river_job
    WHERE state = 'running' AND attempted_at < now() - interval '6 seconds'"""  # younger processes are no proof
TAKEN = "SELECT id, attempt, extract(epoch FROM attempted_at)::float8 FROM river_job WHERE state = 'running'"
AUDIT = "SELECT reason, count(*) FROM rescue WHERE NOT dry_run GROUP BY reason"
ENDS = (("OOMKilled", 137), ("Error", 1), ("Completed", 0))
Workers = dict[str, tuple[WorkerPod, Program]]


def main() -> None:
    """Print the times of all deaths."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    asked.add_argument("--deaths", type=int, default=100)
    asked.add_argument("--rust", action="store_true", help="workers in Rust")
    given = asked.parse_args()
    deaths, took, ends = given.deaths, list[float](), cycle(ENDS)
    with contextlib.ExitStack() as programs:
        folder = Path(programs.enter_context(tempfile.TemporaryDirectory()))
        river, kubelet, _ = place(programs, folder)
        river.insert(AT_ONCE, "-kinds", "hanging", "-queues", "default")
        fleet = replace(river, program="fleet-rust") if given.rust else river
        workers = start_workers(programs, kubelet, fleet, folder)
        while len(took) < deaths:
            held = until(lambda: found if len(found := river.rows(HELD)) == AT_ONCE else None, "the jobs", PATIENCE)
            others = start_workers(programs, kubelet, fleet, folder)
            took += kill_all(river, workers, {job: attempt for job, attempt, _ in held}, ends)
            workers = others
            sys.stderr.write(f"\r{len(took)} of {deaths} deaths, the slowest {max(took):.1f} s ")
        audit = dict(river.rows(AUDIT))
    ranked = sorted(took)
    p99 = ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))]
    times = f"p50 {statistics.median(took):.1f} s, p99 {p99:.1f} s, max {ranked[-1]:.1f} s"
    sys.stdout.write(f"\n{len(took)} deaths, {times}; rescues by reason: {audit}\n")


def place(programs: contextlib.ExitStack, folder: Path) -> tuple[River, Kubelet, RiverkeeperProcess]:
    """A River, an API server, and a replica that watches its pods."""
    postgres = programs.enter_context(start_postgres((*THROW_AWAY, "max_connections=500")))
    river = River(postgres.database("deaths"))
    river.migrate()
    riverkeeper(river, "schema", "install")
    cluster = programs.enter_context(cluster_at_work(folder))
    kubelet = Kubelet.of(cluster.kubeconfig, "jobs")
    file = folder / "riverkeeper.yml"
    file.write_text(CONFIG.format(kubeconfig=give_rights(kubelet, cluster.kubeconfig, folder)))
    replica = programs.enter_context(replica_at_work(river.url, folder, "", "--config.file", str(file)))
    until(lambda: replica.scrape().value("riverkeeper_kubernetes_up") == 1, "the pods to be watched", PATIENCE)
    return river, kubelet, replica


def start_workers(programs: contextlib.ExitStack, kubelet: Kubelet, river: River, folder: Path) -> Workers:
    """Ten workers of one slot, by pod."""
    started = (programs.enter_context(worker_in_pod(kubelet, river, folder)) for _ in range(AT_ONCE))
    return {pod.name: (pod, program) for pod, program in started}


def kill_all(river: River, workers: Workers, attempts: dict[int, int], ends: cycle[tuple[str, int]]) -> list[float]:
    """Kill every worker, show its container as ended, and wait for the next attempts. Seconds of each."""
    of_pod = {client.partition("_")[0]: job for job, _, client in river.rows(HELD)}
    ended_at = dict[int, float]()
    for name, (pod, program) in workers.items():
        ended_at[of_pod[name]] = time.time()
        program.kill()
        pod.show_ended(*next(ends))

    def taken() -> dict[int, float] | None:
        found = {job: at for job, attempt, at in river.rows(TAKEN) if attempt == attempts[job] + 1}
        return found if len(found) == len(attempts) else None

    found = until(taken, "every job to be worked again", PATIENCE)
    return [found[job] - ended_at[job] for job in attempts]


if __name__ == "__main__":
    main()
