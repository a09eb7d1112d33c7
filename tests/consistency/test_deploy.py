"""The configurations that are deployed are ones that the keeper takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from consistency.tree import ROOT
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.config.problem import ConfigErrors


def configurations() -> dict[str, str]:
    """By the file they are in: the compose demo's, and that of the Kubernetes manifests."""
    compose = ROOT / "deploy" / "compose" / "riverkeeper.yml"
    manifest = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "config.yaml").read_text(encoding="utf-8"))
    return {"compose": compose.read_text(encoding="utf-8"), "kubernetes": manifest["data"]["riverkeeper.yml"]}


@pytest.mark.parametrize("name", ["compose", "kubernetes"])
def test_what_is_deployed_can_be_loaded(name: str, tmp_path: Path) -> None:
    """Nothing is wrong with it but that its secrets are mounted elsewhere."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text(configurations()[name])

    with pytest.raises(ConfigErrors) as refused:
        load(file, {}, Options())

    (problem,) = str(refused.value).splitlines()
    assert "url_file" in problem
