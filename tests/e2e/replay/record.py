"""What came of an incident: which messages, when, in which words, and what is wrong with that. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from e2e.replay.incident import Incident, Notice
from e2e.replay.messages import Message

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Firing:
    """When an alert with the labels of a notice fired in Prometheus."""

    first: float | None
    gaps: int  # how often it ended and came back while the fault lasted


@dataclass(slots=True)
class Injection:
    """One incident of a run, as it went."""

    incident: Incident
    began: float  # before anything was done
    injected: float = 0.0  # the fault was there
    undone: float = 0.0  # the fault began to end
    over: float = FOREVER  # the next incident began
    firings: list[Firing] = field(default_factory=list)  # of each notice
    fired: set[str] = field(default_factory=set)  # "River: alert" of everything for people that fired
    load: float = 0.0
    delay: float = 0.0  # seconds that this machine was late with what was due, at worst
    failure: str = ""  # of the run itself


@dataclass(frozen=True, slots=True)
class Arrival:
    """A notice that was expected, and what came of it."""

    notice: Notice
    messages: tuple[Message, ...]
    after: float | None  # seconds from the fault to the first message
    resolved: float | None  # seconds from the end of the fault to the message that says so
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An incident and the verdict on it."""

    injection: Injection
    arrivals: tuple[Arrival, ...]
    consequences: tuple[Message, ...]  # messages of the same fault that may come
    false: tuple[Message, ...]  # that nobody should have received
    muted: tuple[str, ...]  # fired in Prometheus, and no message came

    @property
    def problems(self) -> list[str]:
        found = [problem for arrival in self.arrivals for problem in arrival.problems]
        found += [f"false message to {m.receiver}: {m.alert} of {m.river}" for m in self.false]
        return found + ([self.injection.failure] if self.injection.failure else [])


def judge_run(injections: Sequence[Injection], messages: Sequence[Message], factor: int) -> list[Outcome]:
    """Outcomes of all incidents; a message belongs to the incident in whose time it came."""
    return [judge_incident(each, injections[:number], messages, factor) for number, each in enumerate(injections)]


def judge_incident(
    injection: Injection, earlier: Sequence[Injection], messages: Sequence[Message], factor: int
) -> Outcome:
    incident = injection.incident
    mine = [m for m in messages if injection.began <= m.at < injection.over and not m.resolved]
    arrivals = tuple(
        judge_notice(notice, firing, injection, messages, factor)
        for notice, firing in zip(incident.notices, injection.firings, strict=False)
    )
    expected = {id(m) for arrival in arrivals for m in arrival.messages}
    rest = [m for m in mine if id(m) not in expected and not is_open(m, messages)]
    may = incident.may.union(*(each.incident.may for each in earlier))
    notified = {
        f"{m.river}: {m.alert}" for m in messages if m.at < injection.over and not is_resolved(m, messages, injection)
    }
    return Outcome(
        injection,
        arrivals,
        tuple(m for m in rest if m.alert in may and m.receiver != "pages"),
        tuple(m for m in rest if m.alert not in may or m.receiver == "pages"),
        tuple(sorted(injection.fired - notified)),
    )


def judge_notice(
    notice: Notice, firing: Firing, injection: Injection, messages: Sequence[Message], factor: int
) -> Arrival:
    """What came of one notice that was expected."""
    of_it = [m for m in messages if is_of(notice, m)]
    came = tuple(m for m in of_it if injection.began <= m.at < injection.over and not m.resolved)
    if not came:
        return Arrival(notice, (), None, None, (f"no message to {notice.receiver}: {notice.alert}",))
    # A frozen worker has jobs of several tiers, and each tier its ticket: the one that fits is judged.
    lacks = {id(m): [word for word in notice.words if word not in f"{m.headline}\n{m.text}"] for m in came}
    first = min(came, key=lambda m: bool(lacks[id(m)]))
    ended = [m.at for m in of_it if m.resolved and m.at > first.at]
    after = first.at - injection.injected
    late = after - notice.deadline(factor) - injection.delay
    problems = [f"{late:.0f} s too late"] if late > 0 else []
    problems += [f"the message lacks {word!r}" for word in lacks[id(first)]]
    problems += [f"{len(keys)} pages"] if len(keys := {m.key for m in came}) > 1 else []
    problems += ["resolved while the fault lasted"] if any(at < injection.undone for at in ended) else []
    problems += [f"ended {firing.gaps} times while the fault lasted"] if firing.gaps else []
    problems += [f"no alert had the labels {dict(notice.labels)}"] if firing.first is None else []
    return Arrival(notice, came, after, min(ended) - injection.undone if ended else None, tuple(problems))


def is_of(notice: Notice, message: Message) -> bool:
    return (message.alert, message.receiver, message.river) == (notice.alert, notice.receiver, notice.river)


def is_open(message: Message, messages: Sequence[Message]) -> bool:
    """Whether the same message came before, and nothing yet that it is over."""
    same = [
        m
        for m in messages
        if m.at < message.at and (m.alert, m.receiver, m.river) == (message.alert, message.receiver, message.river)
    ]
    return bool(same) and not same[-1].resolved


def is_resolved(message: Message, messages: Sequence[Message], injection: Injection) -> bool:
    """Whether it was over before the incident began: then the message is of another one."""
    of_it = (message.alert, message.receiver, message.river)
    return any(
        m.resolved and message.at <= m.at < injection.began and (m.alert, m.receiver, m.river) == of_it
        for m in messages
    )


def write_table(outcomes: Sequence[Outcome], factor: int, clock: dict[float, str]) -> list[str]:
    """The record in Markdown: a row for each notice, or for each incident of which nobody is notified."""
    lines = [
        "| injected | incident | notified | after (limit) | messages | resolved after | fired, muted | verdict |",
        "|---|---|---|--:|--:|--:|---|---|",
    ]
    for outcome in outcomes:
        injection = outcome.injection
        when = clock[injection.began]
        verdict = "; ".join(outcome.problems) or "as it should"
        muted = ", ".join(outcome.muted) or "–"
        if not outcome.arrivals:
            count = len(outcome.false) + len(outcome.consequences)
            lines.append(f"| {when} | {injection.incident.done} | nobody | – | {count} | – | {muted} | {verdict} |")
        for number, arrival in enumerate(outcome.arrivals):
            first = number == 0
            cells = [when if first else "", injection.incident.done if first else "the same"]
            cells += _cells(arrival, factor)
            cells += [muted if first else "", verdict if first else ""]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cells(arrival: Arrival, factor: int) -> list[str]:
    notice = arrival.notice
    limit = f"{notice.deadline(factor):.0f} s"
    after = "never" if arrival.after is None else f"{max(0.0, arrival.after):.0f} s"
    resolved = "–" if arrival.resolved is None else f"{arrival.resolved:.0f} s"
    return [f"{notice.receiver}: {notice.alert}", f"{after} ({limit})", str(len(arrival.messages)), resolved]
