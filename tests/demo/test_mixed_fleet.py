"""A fleet of all of River's runtimes on one table, with ids, clocks and rhythms as each has them, in a real scrape."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

from fixtures.scrape import SETTINGS, Exporter, page_of, reader
from fixtures.waiting import until
from riverkeeper.config.policy import Policy, RescueSettings
from riverkeeper.config.tiers import Tier
from riverkeeper.demo.clients import MIXED_DEPLOYMENTS
from riverkeeper.demo.fleet import DemoFleet
from riverkeeper.demo.heartbeats import DemoHeartbeats
from riverkeeper.demo.kinds import QUEUES
from riverkeeper.demo.postgres import Table
from riverkeeper.demo.simulation import Simulation
from riverkeeper.postgres.connection import Session
from riverkeeper.verdict.verdict import StuckJob

# Less than the clocks of the mixed fleet are off, and more than a busy machine needs between a beat and a scrape.
TIMEOUT = 12.0
SHORT = replace(
    SETTINGS,
    policy=Policy({"standard": Tier("standard", heartbeat_timeout=TIMEOUT)}, rescue=RescueSettings(interval=60.0)),
)
OLD_UNBEATEN = """SELECT count(*) AS jobs FROM river_job AS j
    WHERE j.state = 'running' AND j.attempted_at < now() - make_interval(secs => %(timeout)s)
      AND NOT EXISTS (SELECT FROM riverkeeper.heartbeat AS h WHERE h.job_id = j.id)"""


GO_ID = "UPDATE {}'web-1_2026_08_07T15_00_00_000000'{}"


def stuck(exporter: Exporter) -> tuple[StuckJob, ...]:
    verdicts = exporter.read().verdicts
    assert verdicts is not None
    return verdicts.stuck


def test_no_job_of_a_living_mixed_fleet_is_stuck(installed_url: str) -> None:
    """Every process beats, and has just claimed jobs; by a slow clock some claims are older than the timeout."""
    with Session(installed_url) as sql, contextlib.ExitStack() as stack:
        sql.execute("UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 hour', path_probe_at = now()")
        simulation = Simulation(7, time.time(), MIXED_DEPLOYMENTS)
        fleet = DemoFleet(sql, "public", simulation)
        beats = stack.enter_context(
            contextlib.closing(DemoHeartbeats(installed_url, Table(sql, "public", "riverkeeper")))
        )
        exporter = stack.enter_context(reader(installed_url, SHORT))
        now = simulation.start

        def dated_back() -> bool:
            """Processes beat, then claim: no claim has a heartbeat yet."""
            nonlocal now
            now += 1.0
            beats.beat(simulation.clients, now)
            fleet.tick(now)
            return bool(sql.execute(OLD_UNBEATEN, {"timeout": TIMEOUT})[0].jobs)

        until(dated_back, "a claim that a slow clock dates")
        assert sql.execute("SELECT count(*) AS clients FROM riverkeeper.client")[0].clients == len(MIXED_DEPLOYMENTS)
        assert stuck(exporter) == ()

        sql.execute(GO_ID.format("river_job SET attempted_by = ARRAY[", "]"))
        sql.execute(GO_ID.format("riverkeeper.client SET client_id = ", ""))
        assert stuck(exporter) != ()  # by a clock that is right they would be


def test_the_rhythm_of_each_queue_is_learned(installed_url: str) -> None:
    """Each queue of the mixed fleet has a quick client."""
    with Session(installed_url) as sql, reader(installed_url) as exporter:
        simulation = Simulation(7, time.time(), MIXED_DEPLOYMENTS)
        fleet = DemoFleet(sql, "public", simulation)
        for number in range(5):
            fleet.tick(simulation.start + 31 * number)
            page = page_of(exporter.read())

        limits = page.of("riverkeeper_queue_refresh_limit_seconds")
        assert {dict(labels)["queue"] for labels in limits} == set(QUEUES)
