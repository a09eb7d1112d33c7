"""Every reason to skip a job, and every brake, is explained to the operator on call."""

from __future__ import annotations

from consistency.tree import ROOT
from fixtures.offenders import for_each
from riverkeeper.brakes.rules import Brake
from riverkeeper.rescue.refusal import Refusal

RESCUES = (ROOT / "docs" / "rescues.md").read_text(encoding="utf-8")


@for_each("word", [*Refusal, *Brake])
def test_each_word_stands_in_a_table_of_docs_rescues(word: Refusal | Brake) -> None:
    """Logs, metrics and commands use these words; a reader of one finds it there."""
    rows = [line for line in RESCUES.splitlines() if line.startswith("| `")]

    assert any(f"`{word.value}`" in row.split("|")[1] for row in rows)
