"""A runbook as the tests read it: its sections, its steps, and the commands of a step with what they print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alerts.rulebook import RUNBOOKS

SECTIONS = (
    "What it means",
    "Impact and urgency",
    "Where to run it",
    "Steps",
    "When to escalate",
    "How it could be wrong",
    "Never",
    "Related",
)
# What a page leaves open, and the data of its test fills in. README.md lists them.
PLACEHOLDERS = ("JOB_ID", "ATTEMPTED_AT", "KIND", "QUEUE", "TIER", "PID", "ALERTMANAGER_URL", "WORKERS", "DEPLOYMENT")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CHANGING = re.compile(
    r"^(?:UPDATE|DELETE|SELECT pg_terminate_backend|VACUUM)\b"
    r"|^riverkeeper rescue (?:pause|resume|release|run .*--apply)"
    r"|^riverkeeper schema (?:install|fence (?:install|remove)|grants .*--apply)"
    r"|^kubectl .*(?: rollout (?:restart|undo)| scale| delete| apply)"
    r"|^systemctl (?:restart|start|stop|reload)|^curl .*-X POST",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """One fenced block, and the `text` block directly below it: what it prints."""

    language: str
    text: str
    printed: str | None

    @property
    def lines(self) -> list[str]:
        """Commands of a `sh` block, one a line; comments say where to run the next one."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@dataclass(frozen=True)
class Step:
    """`### 3. Title` and everything below it."""

    number: int
    title: str
    text: str

    @property
    def blocks(self) -> list[Block]:
        return blocks_of(self.text)

    @property
    def changes_something(self) -> bool:
        return any(_CHANGING.search(block.text) for block in self.blocks)


@dataclass(frozen=True)
class Page:
    """The page of one alert."""

    name: str
    text: str

    def section(self, title: str) -> str:
        return self.text.partition(f"\n## {title}\n")[2].partition("\n## ")[0].strip()

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(re.findall(r"^## (.*)$", self.text, re.MULTILINE))

    @property
    def steps(self) -> list[Step]:
        parts = re.split(r"^### (\d+)\. (.*)$", self.section("Steps"), flags=re.MULTILINE)
        triples = zip(*[iter(parts[1:])] * 3, strict=True)
        return [Step(int(number), title, text.strip()) for number, title, text in triples]

    @property
    def blocks(self) -> list[Block]:
        return blocks_of(self.text)


def blocks_of(markdown: str) -> list[Block]:
    return list(_blocks(markdown))


def _blocks(markdown: str) -> Iterator[Block]:
    found = list(_FENCE.finditer(markdown))
    for at, fence in enumerate(found):
        if fence[1] == "text":
            continue
        below = found[at + 1] if at + 1 < len(found) else None
        directly = below is not None and below[1] == "text" and not markdown[fence.end() : below.start()].strip()
        yield Block(fence[1], fence[2], below[2] if below and directly else None)


def filled(text: str, values: dict[str, str]) -> str:
    """The text with every placeholder that has a value replaced by it."""
    for name, value in values.items():
        text = re.sub(rf"\b{name}\b", lambda _: value, text)  # noqa: B023 - used at once
    return text


def pages() -> list[Page]:
    """Every page but the index, and those of the old form, whose alerts go."""
    found = [read_page(path) for path in sorted(RUNBOOKS.glob("*.md")) if path.stem != "README"]
    return [page for page in found if "Where to run it" in page.sections]


def read_page(path: Path) -> Page:
    return Page(path.stem, path.read_text(encoding="utf-8"))
