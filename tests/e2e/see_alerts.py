"""Makes every alert fire by doing the thing itself, on real servers in scaled time, and prints when it did and cleared.

`tests/e2e/run` has built the programs; then `PYTHONPATH=tests .venv/bin/python -m e2e.see_alerts [part of an alert…]`.
About twelve minutes. What it found is in docs/alerts-seen.md.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from e2e.alert_cases import own, pages, tickets
from e2e.alert_cases.case import SIGHTS, AlertCase
from e2e.alert_environment import FACTOR, LOOK, AlertEnvironment, theatre_at_work
from e2e.riverkeeper_process import riverkeeper
from fixtures.waiting import until

PATIENCE = 330.0  # seconds; the longest wait is that for an hour, scaled, to be over
STAGED = (pages, tickets, own)  # each adds to SIGHTS
_telling = threading.Lock()


@dataclass(slots=True)
class Seen:
    """The outcome of one alert; seconds, None where it never came to that."""

    alert: str
    pending: float | None = None  # from the deed
    firing: float | None = None  # from the deed
    cleared: float | None = None  # from the undoing, or from the firing where nobody undoes it
    at_once: int = 0  # most series of it that fired at the same moment
    receivers: set[str] = field(default_factory=set)
    held_back: set[str] = field(default_factory=set)  # alerts that inhibit it
    said: dict[str, Any] = field(default_factory=dict)


class Watch:
    """Looks at the alerts of one deed until they have fired and cleared."""

    def __init__(self, environment: AlertEnvironment, alert_case: AlertCase) -> None:
        self.environment, self.alert_case = environment, alert_case
        self.began = self.undone = 0.0
        self.seen = {alert: Seen(alert) for alert in alert_case.alerts}

    def see(self) -> None:
        """Do it, wait, undo it."""
        play = self.alert_case.play(self.environment)
        next(play)
        self.began = time.time()
        for alert in self.seen:
            until(lambda alert=alert: self._look(alert), f"{alert} to fire", PATIENCE, LOOK)  # type: ignore[misc]
        self.undone = time.time()
        next(play, None)

    def wait_until_clear(self) -> None:
        for alert, seen in self.seen.items():
            until(lambda alert=alert: not self._look(alert, now=True), f"{alert} to clear", PATIENCE, LOOK)  # type: ignore[misc]
            cleared = self._span(alert, "firing")[-1]
            seen.cleared = cleared - (self.undone if cleared > self.undone else self.began + (seen.firing or 0))

    def _look(self, alert: str, *, now: bool = False) -> bool:
        """Whether the alert has fired since the deed (or fires now); notes what both servers say of it."""
        self._note(alert, self.seen[alert])
        if now:
            return bool(self.environment.prometheus.query(self._series(alert, "firing")))
        if not (moments := self._span(alert, "firing")):
            return False
        pending = self._span(alert, "pending")
        self.seen[alert].firing = moments[0] - self.began
        self.seen[alert].pending = min([*pending, *moments]) - self.began
        return True

    def _note(self, alert: str, seen: Seen) -> None:
        filters = [f'alertname="{alert}"', *(m for m in self.alert_case.alerts[alert].split(",") if m)]
        alerts = httpx.get(f"http://{self.environment.alertmanager}/api/v2/alerts", params={"filter": filters}).json()
        for received in alerts:
            seen.receivers |= {receiver["name"] for receiver in received["receivers"]}
            seen.said = received["annotations"] | {"severity": received["labels"]["severity"]}
            seen.held_back |= set(received["status"]["inhibitedBy"])
        seen.at_once = max(seen.at_once, len(self.environment.prometheus.query(self._series(alert, "firing"))))

    def _series(self, alert: str, state: str) -> str:
        return f"ALERTS{{{','.join([f'alertname={alert!r}', f'alertstate={state!r}', self.alert_case.alerts[alert]])}}}"

    def _span(self, alert: str, state: str) -> list[float]:
        """The moments since the deed at which the alert was in that state, second by second."""
        asked: dict[str, str | float] = {
            "query": self._series(alert, state),
            "start": self.began - 1,
            "end": time.time(),
            "step": 1,
        }
        answer = httpx.get(f"http://{self.environment.prometheus.address}/api/v1/query_range", params=asked).json()
        return sorted({float(value[0]) for series in answer["data"]["result"] for value in series["values"]})


def main(wanted: list[str]) -> None:
    chosen = [sight for sight in SIGHTS if not wanted or any(w in alert for w in wanted for alert in sight.alerts)]
    with tempfile.TemporaryDirectory(prefix="see_alerts") as folder, theatre_at_work(Path(folder)) as environment:
        began = time.time()
        say(f"time is {FACTOR} times as quick; logs are in {folder}")
        watches = [Watch(environment, sight) for sight in chosen]
        clearing: list[threading.Thread] = []
        for phase in sorted({sight.phase for sight in chosen}):
            doing = [
                threading.Thread(target=attempt, args=(w, clearing)) for w in watches if w.alert_case.phase == phase
            ]
            for thread in doing:
                thread.start()
            for thread in doing:
                thread.join()
            release(environment)
        for thread in clearing:
            thread.join()
        tell(watches)
        tell_the_rest(environment, watches, began)


def attempt(watch: Watch, clearing: list[threading.Thread]) -> None:
    """One deed; what does not come about is reported, and the others go on."""
    try:
        watch.see()
    except BaseException as error:  # noqa: BLE001 - pytest.fail ends in one
        say(f"{'/'.join(watch.seen)}: {type(error).__name__}: {str(error)[-500:]}")
        return
    if watch.alert_case.clears:
        clearing.append(threading.Thread(target=wait, args=(watch,)))
        clearing[-1].start()


def wait(watch: Watch) -> None:
    try:
        watch.wait_until_clear()
    except BaseException as error:  # noqa: BLE001 - as above
        say(f"{'/'.join(watch.seen)}: {error}")


def say(text: str) -> None:
    with _telling:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def tell(watches: list[Watch]) -> None:
    """The table, and under it the texts of each alert."""
    say("\n| alert | done | pending | firing | undone by | clear | receivers |\n|---|---|--:|--:|---|--:|---|")
    for watch in watches:
        for seen in watch.seen.values():
            times = [f"{value:.0f} s" if value is not None else "-" for value in (seen.pending, seen.firing)]
            clear = f"{seen.cleared:.0f} s" if seen.cleared is not None else "-"
            to = ", ".join(sorted(seen.receivers)) + (" (inhibited)" if seen.held_back else "")
            cells = [seen.alert, watch.alert_case.done, *times, watch.alert_case.undone, clear, to]
            say(f"| {' | '.join(cells)} |" + (f"  {seen.at_once} AT ONCE" if seen.at_once > 1 else ""))
    for watch in watches:
        for seen in watch.seen.values():
            say(f"\n{seen.alert} [{seen.said.get('severity')}]")
            for name, text in seen.said.items():
                say(f"  {name}: {text}")


def tell_the_rest(environment: AlertEnvironment, watches: list[Watch], began: float) -> None:
    """What fired beside what was meant: each is either a consequence, or a mistake."""
    say("\nevery series that fired:")
    over = int(time.time() - began) + 10
    for series in environment.prometheus.query(f'count_over_time(ALERTS{{alertstate="firing"}}[{over}s])'):
        labels = {k: v for k, v in series["metric"].items() if k not in {"__name__", "alertstate", "job", "instance"}}
        name = labels.pop("alertname")
        meant = any(
            name == alert and all(f'{k}="{v}"' in matchers for k, v in labels.items() if k == "queue")
            for watch in watches
            for alert, matchers in watch.alert_case.alerts.items()
        )
        say(f"  {'     ' if meant else 'OTHER'} {name} {labels} for {series['value'][1]} s")


def release(environment: AlertEnvironment) -> None:
    """An operator releases mass_silence, which may be engaged after a rescued worker turned out to be alive."""
    if environment.river.rows("SELECT 1 FROM riverkeeper.brake WHERE engaged_at IS NOT NULL"):
        with contextlib.suppress(AssertionError):  # it let go by itself meanwhile
            riverkeeper(environment.river, "rescue", "release", "mass_silence")


if __name__ == "__main__":
    main(sys.argv[1:])
