"""The vectors of the contract are true of a real server: a match is held, what they send is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consistency.tree import ROOT
from fixtures.contract import beat, claims_of, connected

VECTORS = ROOT / "clients" / "vectors"
Case = dict[str, Any]


def read_vectors(name: str) -> list[Case]:
    return list(json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8")))


def test_the_readme_names_every_file() -> None:
    """A client's author reads there what a case is."""
    text = (VECTORS / "README.md").read_text(encoding="utf-8")

    assert [file.name for file in sorted(VECTORS.glob("*.json")) if f"`{file.name}`" not in text] == []


@pytest.mark.parametrize("case", read_vectors("claims"), ids=lambda case: case["name"])
def test_a_claim_is_matched_by_the_instant_and_answered_by_its_place(case: Case, installed_url: str) -> None:
    """Whatever text names it: a client that sends a JavaScript Date hears `lost`, and hears it for the right claim."""
    if case["text"] is None:
        return
    with connected(installed_url) as sql:
        [claim, other] = claims_of(sql, 2)
        sql.execute("UPDATE river_job SET attempted_at = %s WHERE id = %s", [case["claimed_at"], claim["job_id"]])
        answers = [beat(sql, [other, claim | {"attempted_at": text}]) for text in (case["given"], case["text"])]

    wanted = {other["job_id"]: "held", claim["job_id"]: "held" if case["matches"] else "lost"}
    assert answers == [wanted, wanted]


def test_what_is_sent_is_stored(installed_url: str) -> None:
    """The table takes each progress and each note as the vectors have it."""
    refused = []
    with connected(installed_url) as sql:
        [claim] = claims_of(sql, 1)
        beat(sql, [claim])
        for column, cases in (("progress", read_vectors("progress")), ("note", read_vectors("notes"))):
            for case in cases:
                sql.execute(f"UPDATE riverkeeper.heartbeat SET {column} = %s", [case["sent"]])  # noqa: S608 - as above
                [stored] = sql.execute(f"SELECT {column} FROM riverkeeper.heartbeat").fetchall()  # noqa: S608
                if stored[column] != pytest.approx(case["sent"], abs=1e-6):
                    refused.append(case["name"])

    assert refused == []
