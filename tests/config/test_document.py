"""docs/configuration.md is what the declarations say."""

from __future__ import annotations

import re
from pathlib import Path

from riverkeeper.config.layers import FLAGS, Options
from riverkeeper.config.load import load
from riverkeeper.config.option import options
from riverkeeper.config.render import render_documentation
from riverkeeper.config.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_committed_page_is_fresh() -> None:
    """The page in docs/ is the generated one: run `make generate` after changing an option."""
    assert PAGE.read_text(encoding="utf-8") == render_documentation()


def test_the_example_is_the_defaults(tmp_path: Path) -> None:
    """The file that the page shows as the defaults loads, and changes nothing."""
    example = re.search(r"```yaml\n(.*?)```", render_documentation(), re.DOTALL)
    assert example is not None
    file = tmp_path / "example.yml"
    file.write_text(example[1])
    assert load(file, {}, Options()) == load(None, {}, Options())


def test_everything_that_can_be_set_is_on_the_page() -> None:
    """Every key, flag and variable is named."""
    page = render_documentation()
    for entry in options(Settings):
        assert f"| `{entry.path[-1]}` |" in page
        assert entry.description.replace("|", "\\|") in page
        assert all(f"`{name}`" in page for name in entry.environment)
    assert all(entry.name in page for entry in FLAGS)
