"""No job of a living process is ever called dead: pod lives, seen late, with gaps, by clocks that differ."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from random import Random

import pytest

from fixtures.pod_lives import START, Life, Manifest, live
from riverkeeper.evidence.lives import PodLives
from riverkeeper.evidence.proof import ClockOffset, Terminated, find_termination

OFFSET = ClockOffset(0.0, 0.6)
LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))


@dataclass
class Count:
    """Claims of processes that have ended, by (start of the process, moment of the claim)."""

    dead: set[tuple[float, float]] = field(default_factory=set)
    proven: set[tuple[float, float]] = field(default_factory=set)
    by_uid: set[tuple[float, float]] = field(default_factory=set)  # proven where the name of the pod proves nothing
    false: list[str] = field(default_factory=list)  # claims of living processes that were called dead

    def judge(self, life: Life, lives: PodLives, now: float) -> None:
        for process in life.processes:
            for claimed_at in (claim for claim in process.claims if claim <= now):
                found = find_termination(process.holder(claimed_at, now), lives, OFFSET, now)
                claim = process.began_at, claimed_at
                if isinstance(found, Terminated) and process.ended_at > now:
                    self.false.append(f"at {now}: {process}, {found}")
                if process.ended_at <= now:
                    self.dead.add(claim)
                    self.proven |= {claim} if isinstance(found, Terminated) else set()
                    if isinstance(found, Terminated) and process.host.startswith("web-"):
                        self.by_uid.add(claim)


def watch(life: Life, random: Random, count: Count) -> None:
    """Follow one life as a watcher does."""
    lives, present = PodLives(), dict[str, Manifest]()
    # Nothing is missed, or a while of it, or everything before the watcher began.
    gap_from = START + random.choice((float("inf"), random.uniform(0, 800), 0.0))
    gap_to, listed = gap_from + random.uniform(5, 800), True
    for at, manifest, deleted in life.shown:
        uid = manifest["metadata"]["uid"]
        if gap_from <= at < gap_to:  # nothing arrives; the API server goes on
            listed = False
        elif not listed:
            listed = True
            list_all(lives, present, at)
        present[uid] = manifest
        if deleted:
            del present[uid]
        if listed:
            lives.update(manifest, at, deleted=deleted)
        for now in (at, at + random.uniform(0, 10), at + random.uniform(10, 30), at + 400):
            count.judge(life, lives, now)


def list_all(lives: PodLives, present: dict[str, Manifest], at: float) -> None:
    """The watcher lists the pods of each namespace anew."""
    for each in present.values():
        lives.update(each, at)
    for namespace in ("jobs", "others"):
        uids = [uid for uid, each in present.items() if each["metadata"]["namespace"] == namespace]
        lives.replace_all(uids, at, namespace)


@pytest.mark.parametrize("lives", [400, *([pytest.param(10_000, marks=pytest.mark.long)] if LONG else [])])
def test_no_job_of_a_living_process_is_called_dead(lives: int) -> None:
    """Restarts, names used again, deletion by force, lost nodes, gaps, and clocks of nodes up to 5 s off that step."""
    random, count = Random(17), Count()
    for number in range(lives):
        watch(live(random, number), random, count)
        assert count.false == []

    assert len(count.proven) / len(count.dead) > 0.1  # the model is not blind
    assert len(count.by_uid) > lives / 20
