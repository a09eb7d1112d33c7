"""Every metric family there is, in the order of the page; to add one, add a Family to a list of these files. Pure."""

from __future__ import annotations

from riverkeeper.metrics.catalogue.exporter import EXPORTER
from riverkeeper.metrics.catalogue.finished import FINISHED
from riverkeeper.metrics.catalogue.process import PROCESS
from riverkeeper.metrics.catalogue.rescue import ACTS, RESCUING
from riverkeeper.metrics.catalogue.river import RIVER
from riverkeeper.metrics.catalogue.running import RUNNING
from riverkeeper.metrics.catalogue.stuck import STUCK_FAMILIES
from riverkeeper.metrics.catalogue.waiting import WAITING
from riverkeeper.metrics.family import Family
from riverkeeper.scrape.scrape import Snapshot

OF_SNAPSHOT: tuple[Family[Snapshot], ...] = (
    *RIVER,
    *WAITING,
    *RUNNING,
    *STUCK_FAMILIES,
    *FINISHED,
    *RESCUING,
    *EXPORTER,
)

__all__ = ["ACTS", "OF_SNAPSHOT", "PROCESS"]
