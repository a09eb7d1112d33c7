"""The report of `riverkeeper look` as one self-contained page, fit for a mail."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from riverkeeper.formats import moment
from riverkeeper.look.finding import Part
from riverkeeper.look.report import HEADINGS, NEXT_STEPS, Report, docs_of


def page(found: Report, version: str) -> str:
    """HTML without scripts, links to style sheets or pictures; everything from the database is escaped."""
    environment = Environment(
        loader=PackageLoader("riverkeeper", "look"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("look.html").render(
        found=found,
        version=version,
        moment=moment(found.now),
        parts=[(HEADINGS[part], part, found.of(part)) for part in Part],
        next_steps=NEXT_STEPS,
        docs_of=docs_of,
    )
