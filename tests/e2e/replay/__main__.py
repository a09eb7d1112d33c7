"""Replays a month of incidents on real parts in scaled time, and writes what people were notified of.

`make alerts-seen`, or `PYTHONPATH=tests .venv/bin/python -m e2e.replay [--factor N] [--write] [part of a name…]`.
About half an hour for all. Programs are those of tests/e2e/tools.sh.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx

from e2e.programs import tool
from e2e.replay import of_river, of_riverkeeper  # noqa: F401 - each adds to INCIDENTS
from e2e.replay.environment import ReplayEnvironment, replay_environment
from e2e.replay.incident import INCIDENTS, Incident, Notice
from e2e.replay.messages import read_messages
from e2e.replay.order import FIRST, SECOND
from e2e.replay.record import Firing, Injection, Outcome, is_of, judge_run, write_table
from fixtures.waiting import measured_delays

FACTOR = 20  # a minute of a rule is three seconds
LOOK = 0.5  # seconds between two looks
CALM_MINUTES = 20.0  # at most so long is waited for alerts to end before the next incident
PATIENCE_SECONDS = 20.0  # what is not there so long after its limit does not come
PAGE = Path(__file__).parents[3] / "docs" / "alerts-seen.md"
BEGIN, END = "<!-- replay: written by `make alerts-seen` -->", "<!-- end of replay -->"
FOR_PEOPLE = 'severity=~"critical|warning|info"'


class Replay:
    """One run."""

    def __init__(self, environment: ReplayEnvironment) -> None:
        self.environment = environment
        self.injections: list[Injection] = []
        self.lasting: set[tuple[str, str]] = set()  # alert and River that may still fire when the next incident begins

    def run(self, incident: Incident) -> None:
        injection = Injection(incident, time.time())
        if self.injections:
            self.injections[-1].over = injection.began
        self.injections.append(injection)
        say(f"{clock(injection.began)} {incident.name}: {incident.done}")
        with measured_delays() as delay:
            try:
                self._inject(injection)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                injection.failure = f"the run itself failed: {type(error).__name__}: {str(error)[:300]}"
                injection.undone = injection.undone or time.time()
            injection.delay, injection.load = delay(), os.getloadavg()[0]
        self._wait_until_calm(injection)
        self._look_back(injection)
        outcome = self.outcomes()[-1]
        verdict = "; ".join(outcome.problems) or "as it should"
        say(f"{clock(time.time())} {incident.name}: {verdict}{describe(outcome, self.environment.factor)}")

    def outcomes(self) -> list[Outcome]:
        return judge_run(self.injections, read_messages(self.environment.messages.received), self.environment.factor)

    def _inject(self, injection: Injection) -> None:
        incident, factor = injection.incident, self.environment.factor
        play = incident.play(self.environment)
        next(play)
        injection.injected = time.time()
        limits = [notice.deadline(factor) for notice in incident.notices]
        last = injection.injected + max([0.0, *limits]) + PATIENCE_SECONDS
        least = injection.injected + self.environment.seconds(incident.minutes)
        while time.time() < least or (time.time() < last and not self._all_came(injection)):
            threading.Event().wait(LOOK)
        injection.undone = time.time()
        next(play, None)

    def _all_came(self, injection: Injection) -> bool:
        messages = [m for m in read_messages(self.environment.messages.received) if m.at >= injection.began]
        return all(any(is_of(notice, m) and not m.resolved for m in messages) for notice in injection.incident.notices)

    def _wait_until_calm(self, injection: Injection) -> None:
        """Nothing fires or is about to but what goes on; then the messages about the end have come too."""
        incident = injection.incident
        expected = {(notice.alert, notice.river) for notice in incident.notices}
        if incident.goes_on:
            self.lasting |= expected
            return
        last = time.time() + self.environment.seconds(CALM_MINUTES)
        while time.time() < last and self._restless():
            threading.Event().wait(LOOK)
        self.lasting |= self._restless()
        if not incident.notices:
            return
        threading.Event().wait(self.environment.seconds(5.5))  # Alertmanager's group_interval, and a look

    def _restless(self) -> set[tuple[str, str]]:
        found = self.environment.prometheus.query(f"ALERTS{{{FOR_PEOPLE}}}")
        return {(each["metric"]["alertname"], each["metric"]["job"]) for each in found} - self.lasting

    def _look_back(self, injection: Injection) -> None:
        injection.firings = [self._firing(notice, injection) for notice in injection.incident.notices]
        over = time.time()
        series = self._range(f'ALERTS{{alertstate="firing",{FOR_PEOPLE}}}', injection.began, over)
        injection.fired = {f"{labels.get('job', '')}: {labels['alertname']}" for labels, _ in series}

    def _firing(self, notice: Notice, injection: Injection) -> Firing:
        """Second by second, over all series that fit: another one that goes on is no end."""
        labels = {"alertname": notice.alert, "job": notice.river, "alertstate": "firing", **notice.labels}
        matchers = ",".join(f'{name}="{value}"' for name, value in labels.items())
        series = self._range(f"ALERTS{{{matchers}}}", injection.began, injection.undone)
        moments = sorted({at for _, values in series for at in values})
        if not moments:
            return Firing(None, 0)
        steps = zip(moments, moments[1:] + [float(int(injection.undone))], strict=True)
        return Firing(moments[0], sum(after - before > 1.5 for before, after in steps))

    def _range(self, query: str, start: float, end: float) -> list[tuple[dict[str, str], list[float]]]:
        wanted: dict[str, str | float] = {"query": query, "start": int(start), "end": int(end), "step": 1}
        address = self.environment.prometheus.address
        answer = httpx.get(f"http://{address}/api/v1/query_range", params=wanted, timeout=30).json()
        return [(each["metric"], [float(at) for at, _ in each["values"]]) for each in answer["data"]["result"]]


def describe(outcome: Outcome, factor: int) -> str:
    lines = [f"    {m.receiver} {m.alert}: {m.headline}" for a in outcome.arrivals for m in a.messages[:1]]
    lines += [
        f"    after {a.after:.0f} s of {a.notice.deadline(factor):.0f}" for a in outcome.arrivals if a.after is not None
    ]
    lines += [f"    consequence: {m.receiver} {m.headline}" for m in outcome.consequences]
    lines += [f"    FALSE: {m.receiver} {m.river} {m.headline}" for m in outcome.false]
    lines += [f"    muted: {', '.join(outcome.muted)}"] if outcome.muted else []
    return "\n" + "\n".join(lines) if lines else ""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def version(name: str) -> str:
    line = subprocess.run(
        [str(tool(name)), "--version"], check=True, capture_output=True, text=True
    ).stdout.splitlines()[0]
    return line.partition("version ")[2].split()[0]


def river_version() -> str:
    module = (Path(__file__).parents[1] / "fleet" / "go.mod").read_text()
    return next(line.split()[1] for line in module.splitlines() if "riverqueue/river " in line)


def write_record(replays: list[Replay], factor: int) -> str:
    """The section of docs/alerts-seen.md."""
    outcomes = sorted((o for replay in replays for o in replay.outcomes()), key=lambda o: o.injection.began)
    began = outcomes[0].injection.began
    loads = [outcome.injection.load for outcome in outcomes]
    false = [m for outcome in outcomes for m in outcome.false]
    pages = sum(m.receiver == "pages" for m in false)
    head = (
        f"{len(outcomes)} incidents on {datetime.fromtimestamp(began, UTC):%Y-%m-%d}, in "
        f"{(time.time() - began) / 60:.0f} minutes, in two environments side by side; time is {factor} times as quick. "
        f"River {river_version()}, Prometheus {version('prometheus')}, Alertmanager {version('alertmanager')}; load "
        f"{min(loads):.0f} to {max(loads):.0f} on {os.cpu_count()} cores. "
        f"{sum(not outcome.problems for outcome in outcomes)} went as they should. False pages: {pages}; false tickets "
        f"and mails: {len(false) - pages}."
    )
    table = write_table(outcomes, factor, {o.injection.began: clock(o.injection.began) for o in outcomes})
    words = [
        f"- {a.notice.alert} ({a.notice.receiver}): {a.messages[0].headline}"
        for outcome in outcomes
        for a in outcome.arrivals
        if a.messages
    ]
    words += [f"- afterwards, {m.alert} ({m.receiver}): {m.headline}" for o in outcomes for m in o.consequences]
    return "\n".join([head, "", *table, "", "The first line of each message:", "", *words])


def run_all(names: tuple[str, ...], folder: Path, factor: int) -> Replay | None:
    """The incidents of one environment, one after the other; None where there are none."""
    by_name = {each.name: each for each in INCIDENTS}
    if not names:
        return None
    folder.mkdir(parents=True)
    with replay_environment(folder, factor) as environment:
        replay = Replay(environment)
        for name in names:
            replay.run(by_name[name])
        (folder / "requests.json").write_text(json.dumps([list(r) for r in environment.messages.received.requests]))
    return replay


def main() -> int:
    parser = argparse.ArgumentParser(prog="e2e.replay")
    parser.add_argument("--factor", type=int, default=FACTOR)
    parser.add_argument("--write", action="store_true", help="write the record into docs/alerts-seen.md")
    parser.add_argument("--keep", help="a folder for the logs, which stays")
    parser.add_argument("names", nargs="*", help="parts of the names of incidents")
    wanted = parser.parse_args()
    chosen = [
        tuple(name for name in order if not wanted.names or any(part in name for part in wanted.names))
        for order in (FIRST, SECOND)
    ]
    with tempfile.TemporaryDirectory(prefix="replay") as made, ThreadPoolExecutor() as pool:
        folder = Path(wanted.keep or made)
        runs = [pool.submit(run_all, names, folder / str(number), wanted.factor) for number, names in enumerate(chosen)]
        replays = [replay for run in runs if (replay := run.result()) is not None]
    text = write_record(replays, wanted.factor)
    say(f"\n{text}")
    if wanted.write:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")
    return int(any(outcome.problems for replay in replays for outcome in replay.outcomes()))


if __name__ == "__main__":
    sys.exit(main())
