"""No job of a living process is ever called dead: pod lives, seen late, with gaps, by clocks that differ."""

from __future__ import annotations

import os
from random import Random

import pytest

from fixtures.pod_lives import START, Life, Manifest, live
from riverkeeper.evidence.lives import PodLives
from riverkeeper.evidence.proof import ClockOffset, Terminated, find_termination

OFFSET = ClockOffset(0.0, 0.6)
LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))


def watch(life: Life, random: Random) -> tuple[int, int, list[str]]:
    """Follow one life as a watcher does. (dead claims that were proven, dead claims, living claims called dead)."""
    lives, present = PodLives(), dict[str, Manifest]()
    # Nothing is missed, or a while of it, or everything before the watcher began.
    gap_from = START + random.choice((float("inf"), random.uniform(0, 800), 0.0))
    gap_to, listed = gap_from + random.uniform(5, 800), True
    false = list[str]()
    proven, dead = set[tuple[float, float]](), set[tuple[float, float]]()
    for at, manifest, deleted in life.shown:
        uid = manifest["metadata"]["uid"]
        if gap_from <= at < gap_to:  # nothing arrives; the API server goes on
            listed = False
        elif not listed:
            listed = True
            for each in present.values():
                lives.update(each, at)
            lives.replace_all(present, at, "jobs")
        present[uid] = manifest
        if deleted:
            del present[uid]
        if listed:
            lives.update(manifest, at, deleted=deleted)
        for now in (at, at + random.uniform(0, 10), at + 400):
            for process in life.processes:
                for claimed_at in (claim for claim in process.claims if claim <= now):
                    found = find_termination(process.holder(claimed_at), lives, OFFSET, now)
                    if process.ended_at > now and isinstance(found, Terminated):
                        false.append(f"at {now}: {process}, {found}")
                    if process.ended_at <= now:
                        dead.add((process.began_at, claimed_at))
                        if isinstance(found, Terminated):
                            proven.add((process.began_at, claimed_at))
    return len(proven), len(dead), false


@pytest.mark.parametrize("lives", [400, *([pytest.param(10_000, marks=pytest.mark.long)] if LONG else [])])
def test_no_job_of_a_living_process_is_called_dead(lives: int) -> None:
    """Restarts, names used again, deletion by force, lost nodes, gaps, and clocks of nodes up to 5 s off that step."""
    random, proven, dead = Random(17), 0, 0
    for number in range(lives):
        found, ended, false = watch(live(random, number), random)
        assert false == []
        proven, dead = proven + found, dead + ended

    assert proven / dead > 0.1  # the model is not blind: names that are used again prove nothing here
