"""Tiers, rules and learned limits in the configuration: what is shipped, what is inherited, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from riverkeeper.config.contradictions import find_contradictions
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.config.policy import Policy
from riverkeeper.config.problem import ConfigErrors
from riverkeeper.config.settings import Settings
from riverkeeper.config.source import parse_yaml
from riverkeeper.config.tiers import MAX_TIERS, Action, Assignment, Mode, Tier


def policy(text: str) -> Policy:
    return Settings.from_tree(parse_yaml(text, "f.yml").tree)


def refused(folder: Path, text: str) -> list[str]:
    """Every mistake, without the file's name."""
    path = folder / "riverkeeper.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(path, {}, Options())
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_what_is_shipped() -> None:
    """Four tiers without a contradiction; what code makes without a file has the same defaults."""
    shipped = policy("")

    assert [*shipped.tiers] == ["standard", "urgent", "patient", "bulk"]
    assert shipped.tiers["standard"] == Tier("standard")
    assert shipped == Settings()
    assert find_contradictions({}) == []
    urgent = shipped.tiers["urgent"]
    assert (urgent.heartbeat_timeout, urgent.drain, urgent.fence, urgent.plain_fence) == (7, 2, 3, 60)


def test_a_tier_takes_from_standard_the_keys_that_it_does_not_set() -> None:
    """Its own keys, then those it is shipped with, then standard's as the file has them; null is a value too."""
    found = policy("""
        tiers:
          standard: {fence: 20s, progress_timeout: 10m, max_wait: 1m, on_hung: hold}
          urgent: {fence: 1s, progress_timeout: null}
          mine: {mode: live}
    """).tiers

    assert (found["mine"].fence, found["mine"].max_wait, found["mine"].mode) == (20, 60, Mode.LIVE)
    assert (found["urgent"].fence, found["urgent"].progress_timeout, found["urgent"].max_wait) == (1, None, 30)
    assert (found["bulk"].fence, found["bulk"].progress_timeout) == (20, 600)
    assert {tier.on_hung for tier in found.values()} == {Action.HOLD}


def test_rules_reach_verdicts_in_their_order() -> None:
    """As they stand in the file."""
    found = policy("assign: [{tier: bulk, kind: 'report_*', queue: bulk}, {tier: urgent, priority: 1}]")

    assert found.assign == (Assignment("bulk", "report_*", "bulk"), Assignment("urgent", priority=1))


def test_every_contradiction_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    """What cannot be meant together: where it stands, what is wrong, and what to write."""
    found = refused(
        tmp_path,
        """\
tiers:
  standard:
    fence: 2m
  kinds: {max_wait: 5s}
  still: {heartbeat_timeout: 1m, progress_timeout: 59s}
  plain: {heartbeat_timeout: 1m, fence: 2m}
assign:
- {tier: kinds, kind: "report_*"}
- {tier: gone, queue: a}
- {tier: bulk}
- {tier: patient, queue: b}
learned_limits: {floor: 2h, ceiling: 1h}
""",
    )

    assert [message.partition(" tier ")[0] for message in found] == [
        "3: tiers.standard.fence:",
        "4: tiers.kinds.max_wait:",
        "5: tiers.still.progress_timeout:",
        "6: tiers.plain.fence:",
        (
            '9: assign[1].tier: "gone" is not a tier; write one of standard, urgent, patient, bulk, kinds, still, '
            "plain, or add it to tiers"
        ),
        "11: assign[3]: never used: assign[2] matches every job; move that rule to the end",
        "12: learned_limits.floor: the floor of 2h is above the ceiling of 1h; lower the floor, or raise the ceiling",
    ]
    assert found[0].endswith("a plain_fence of 1m is under the fence of 2m; write plain_fence: 2m or more")
    assert found[2].endswith("write 1m or more, else a job whose worker died counts as hung first")
    assert "assigned by kind only (assign[0]), and waits are not known by kind" in found[1]


def test_a_wait_that_some_queue_has_is_no_contradiction(tmp_path: Path) -> None:
    """The tier may be given by kind as well; and what is shipped with a tier was not requested."""
    file = tmp_path / "f.yml"
    for text in (
        "tiers: {mine: {max_wait: 5s}}\nassign: [{tier: mine, kind: a}, {tier: mine, queue: b}]",
        "assign: [{tier: urgent, kind: a}]",
        "tiers: {patient: {max_wait: 2h}}\nassign: [{tier: patient, kind: a}]",
    ):
        file.write_text(text)
        load(file, {}, Options())


def test_what_is_wrong_by_itself_is_reported_once(tmp_path: Path) -> None:
    """Names, numbers, words and shapes; a contradiction that would follow from a mistake is not added to it."""
    found = refused(
        tmp_path,
        """\
tiers:
  Bad Name: {}
  mine: {heartbeat_timeout: 5, drian: 3s, on_hung: explode}
  standard: {heartbeat_timeout: 2s}
assign:
- {kind: a}
- {tier: bulk, priority: 9}
- {tier: bulk, kind: ""}
learned_limits: {quantile: 2, factor: "3"}
""",
    )

    starts = ["2: tiers.(no name of a key): ", "3: tiers.mine.heartbeat_timeout: 5 has no unit; write 5s",
              "3: tiers.mine.on_hung: ",
              "3: tiers.mine.drian: unknown key; did you mean drain?",
              "6: assign[0].tier: is missing; write one", "7: assign[1].priority: 9 is more than 4",
              "8: assign[2].kind: ", "9: learned_limits.quantile: 2 is more than 0.9999",
              '9: learned_limits.factor: "3" is not a number']  # fmt: skip
    assert len(found) == len(starts), found
    for message, start in zip(found, starts, strict=True):
        assert message.startswith(start)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tiers: 5", "5 where sections by name were expected; indent a name"),
        ("tiers: [a]", "a list where sections by name were expected"),
        ("tiers: {mine: 5}", "5 where a section was expected; indent below it its keys: heartbeat_timeout"),
        ("assign: {tier: bulk}", "a section where a list was expected; write a line for each: - {tier, kind"),
        ("assign: [bulk]", "text where a section was expected"),
        ("assign: null", "nothing where a list was expected"),
        ("learned_limits: []", "a list where a section was expected"),
    ],
)
def test_a_wrong_shape_is_reported(tmp_path: Path, text: str, expected: str) -> None:
    """What stands where something else belongs, and what to write there."""
    (message,) = refused(tmp_path, text)

    assert expected in message


def test_empty_sections_are_defaults(tmp_path: Path) -> None:
    """Every line below a key commented out."""
    file = tmp_path / "f.yml"
    file.write_text("tiers:\n  mine:\nlearned_limits:\n")

    assert load(file, {}, Options()).tiers["mine"] == Tier("mine")


def test_there_are_not_more_tiers_than_series_allow(tmp_path: Path) -> None:
    """Each tier is a set of series and alerts."""
    most = "".join(f"  t{number}: {{}}\n" for number in range(MAX_TIERS - 4))

    (message,) = refused(tmp_path, f"tiers:\n{most}  more: {{}}\n")
    assert f"more than {MAX_TIERS} tiers" in message
    (tmp_path / "riverkeeper.yml").write_text(f"tiers:\n{most}")
    load(tmp_path / "riverkeeper.yml", {}, Options())


def test_tiers_of_the_assets_exist(tmp_path: Path) -> None:
    """Alerts must not miss a tier's name, or its objective, by a letter; loud and quiet at once is a mistake."""
    text = """\
tiers: {gold: {max_wait: 1m}}
assets:
  page_tiers: [gold, urgnt]
  quiet_tiers: [bulk, gold]
  wait_objectives: {gold: 0.99, patien: 0.999}
  loss_objectives:
    standrd: 0.97
"""

    fix = "write one of standard, urgent, patient, bulk, gold, or add it to tiers"
    assert refused(tmp_path, text) == [
        f'3: assets.page_tiers[1]: "urgnt" is not a tier; {fix}',
        "4: assets.quiet_tiers[1]: tier gold is in page_tiers as well; remove one of the two",
        f'5: assets.wait_objectives.patien: "patien" is not a tier; {fix}',
        f'7: assets.loss_objectives.standrd: "standrd" is not a tier; {fix}',
    ]


def test_a_dead_worker_is_not_called_hung_first(tmp_path: Path) -> None:
    """Progress travels with beats, so it stops with them: a shorter progress_timeout would ask the dead to stop."""
    (message,) = refused(tmp_path, "tiers: {urgent: {progress_timeout: 6s}}\n")

    assert message.startswith("1: tiers.urgent.progress_timeout: tier urgent: a progress_timeout of 6s is under the ")
    assert message.endswith("write 7s or more, else a job whose worker died counts as hung first")
