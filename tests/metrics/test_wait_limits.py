"""river_queue_wait_limit_seconds: the limit that the configuration gives each queue and priority."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families as parse_text

from fixtures.sample import FULL, NOW
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.ledger.names import Names
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition
from riverkeeper.verdict.job import Partition
from riverkeeper.verdict.summary import summarize
from riverkeeper.verdict.suspects import Suspects

CONFIG = """
tiers:
  standard: {max_wait: 4m}
  payments: {max_wait: 45s}
  nightly: {max_wait: null}
  archive: {max_wait: 7d}
assign:
- {tier: nightly, kind: charge_*}
- {tier: urgent, queue: mail, priority: 2}
- {tier: payments, queue: 'pay-*'}
- {tier: nightly, queue: reports, priority: 4}
- {tier: archive, queue: '*', priority: 4}
- {tier: bulk, queue: pay-eu}
"""
# (queue, priority): tier, seconds, and the bucket of river_job_wait_duration_seconds. A rule that names a kind gives a
# queue no limit, the first other rule wins, and without one the priority decides (1 and 2 standard, 3 patient, 4 bulk).
EXPECTED = {
    ("mail", "1"): ("standard", 240.0, "300.0"),
    ("mail", "2"): ("urgent", 30.0, "30.0"),
    ("mail", "3"): ("patient", 3600.0, "3600.0"),
    ("mail", "4"): ("archive", 604800.0, "+Inf"),
    ("pay-eu", "1"): ("payments", 45.0, "60.0"),
    ("pay-eu", "2"): ("payments", 45.0, "60.0"),
    ("pay-eu", "3"): ("payments", 45.0, "60.0"),
    ("pay-eu", "4"): ("payments", 45.0, "60.0"),
    ("reports", "1"): ("standard", 240.0, "300.0"),
    ("reports", "2"): ("standard", 240.0, "300.0"),
    ("reports", "3"): ("patient", 3600.0, "3600.0"),
    # priority 4: tier nightly has no limit
    ("other", "1"): ("standard", 240.0, "300.0"),
    ("other", "2"): ("standard", 240.0, "300.0"),
    ("other", "3"): ("patient", 3600.0, "3600.0"),
    ("other", "4"): ("archive", 604800.0, "+Inf"),
}


def test_the_limits_are_those_of_the_configuration(tmp_path: Path) -> None:
    """Of queues with jobs and of known ones without; a queue without a name of its own is in `other`."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text(CONFIG)
    pairs = [("mail", "send"), ("pay-eu", "charge_card")]
    waiting = [
        Partition("available", queue, 1, due=1, later=0, first_at=NOW) for queue in ("reports", "unnamed", "zoo")
    ]
    verdicts = summarize(
        load(file, {}, Options()), {}, (), NOW, Suspects((), True, NOW), pairs=pairs, partitions=waiting
    )
    names = Names(dict.fromkeys(("mail", "pay-eu", "reports"), NOW), dict.fromkeys(pairs, NOW))
    snapshot = replace(FULL, verdicts=verdicts, names=names)
    text = Exposition().page(snapshot, Process(), "", frozenset())[0].decode()

    samples = [sample for family in parse_text(text) for sample in family.samples]
    found = {
        (sample.labels["queue"], sample.labels["priority"]): (
            sample.labels["tier"], sample.value, sample.labels["bucket"],
        )
        for sample in samples
        if sample.name == "river_queue_wait_limit_seconds"
    }  # fmt: skip
    assert found == EXPECTED
    buckets = {sample.labels["le"] for sample in samples if sample.name == "river_job_wait_duration_seconds_bucket"}
    assert {bucket for _, _, bucket in found.values()} <= buckets, (
        "the rules join the limit to the histogram by its bucket"
    )
