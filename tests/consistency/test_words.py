"""Nobody reads words that the glossary retired: not in help, HELP, logs, errors, alerts, pages, documents or tests."""

from __future__ import annotations

from collections import Counter

from consistency.retired_words import offenders

# Area -> how many are left there. A number only shrinks; an area that is clean leaves the table.
LEFT: dict[str, int] = {}


def test_no_retired_word_is_added() -> None:
    """The words and what to write in their place: consistency/retired_words.py, which also lists where they stand."""
    found = offenders()
    counts = Counter(each.area for each in found)
    more = {area for area, count in counts.items() if count > LEFT.get(area, 0)}

    assert [f"{each.place}: {each.word}: {each.text}" for each in found if each.area in more] == []
