"""Nobody reads words that the glossary retired: not in help, HELP, logs, errors, alerts, pages or documents."""

from __future__ import annotations

from collections import Counter

from consistency.retired_words import offenders

# Area -> how many are left there. A number only shrinks; an area that is clean leaves the table.
LEFT: dict[str, int] = {
    "CONTRIBUTING.md": 3,
    "README.md": 3,
    "SECURITY.md": 3,
    "alerts/README.md": 12,
    "assets": 34,
    "brakes": 5,
    "cli": 18,
    "clients/CONTRACT.md": 27,
    "clients/psql.md": 5,
    "config": 19,
    "dashboards": 39,
    "dashboards/README.md": 5,
    "demo": 2,
    "docs/alerts-seen.md": 18,
    "docs/compatibility.md": 6,
    "docs/configuration.md": 19,
    "docs/glossary.md": 4,
    "docs/guarded-rescue.md": 24,
    "docs/heartbeats.md": 14,
    "docs/kubernetes.md": 8,
    "docs/ledger.md": 8,
    "docs/look.md": 8,
    "docs/metrics.md": 14,
    "docs/performance.md": 1,
    "docs/python-heartbeats.md": 1,
    "docs/reliability.md": 51,
    "docs/rescues.md": 39,
    "docs/runbooks/README.md": 3,
    "docs/runbooks/RiverBrakeHeld.md": 3,
    "docs/runbooks/RiverCleanerBehind.md": 3,
    "docs/runbooks/RiverDatabaseUnreadable.md": 8,
    "docs/runbooks/RiverDiscardsComing.md": 1,
    "docs/runbooks/RiverDryRunWhileStuck.md": 1,
    "docs/runbooks/RiverExporterDown.md": 9,
    "docs/runbooks/RiverJobHung.md": 3,
    "docs/runbooks/RiverJobsDiscarded.md": 2,
    "docs/runbooks/RiverJobsSuspected.md": 2,
    "docs/runbooks/RiverKindFailing.md": 3,
    "docs/runbooks/RiverLateFinishers.md": 2,
    "docs/runbooks/RiverLeaderMissing.md": 2,
    "docs/runbooks/RiverPeriodicKindSilent.md": 1,
    "docs/runbooks/RiverPolicyRaised.md": 3,
    "docs/runbooks/RiverQueryFailing.md": 5,
    "docs/runbooks/RiverQueueFrozen.md": 1,
    "docs/runbooks/RiverRescueLoop.md": 3,
    "docs/runbooks/RiverStuckNotRescued.md": 10,
    "docs/runbooks/RiverTargetsMixed.md": 2,
    "docs/runbooks/RiverWaitOverLimit.md": 1,
    "docs/runbooks/RiverWakesNotWorkedOff.md": 4,
    "docs/runbooks/RiverWatchdog.md": 6,
    "docs/runbooks/RiverWebhookNotHeard.md": 7,
    "docs/runbooks/RiverWorkerLost.md": 6,
    "docs/scaling.md": 10,
    "doctor": 4,
    "heartbeat": 3,
    "ledger": 1,
    "look": 5,
    "metrics": 14,
    "postgres": 4,
    "rescue": 20,
    "schema": 6,
    "scrape": 3,
    "web": 11,
}


def test_no_retired_word_is_added() -> None:
    """The words and what to write in their place: consistency/retired_words.py, which also lists where they stand."""
    found = offenders()
    counts = Counter(each.area for each in found)
    more = {area for area, count in counts.items() if count > LEFT.get(area, 0)}

    assert [f"{each.place}: {each.word}: {each.text}" for each in found if each.area in more] == []
