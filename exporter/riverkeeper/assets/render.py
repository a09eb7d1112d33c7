"""Every file that `riverkeeper assets` writes: to add a set of files, add a renderer to the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from riverkeeper.assets.alerting import alerting_files
from riverkeeper.assets.boards import board_files
from riverkeeper.assets.manifests import manifest_files
from riverkeeper.config.assets import AssetSettings

Files = Mapping[str, str]  # path below the folder -> text
Renderer = Callable[[AssetSettings], Files]

RENDERERS: tuple[Renderer, ...] = (alerting_files, board_files, manifest_files)


def render(assets: AssetSettings) -> dict[str, str]:
    """All files for these settings; two renderers that claim the same path are a mistake in the code."""
    files: dict[str, str] = {}
    for renderer in RENDERERS:
        for path, text in renderer(assets).items():
            if path in files:
                raise ValueError(f"{path} is rendered twice")
            files[path] = text
    return files
