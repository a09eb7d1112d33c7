"""Every file that `riverkeeper assets` writes: to add a set of files, add its function to RENDERERS."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from riverkeeper.assets.alerting import alerting_files
from riverkeeper.assets.manifests import board_files, manifest_files
from riverkeeper.config.assets import AssetSettings

Files = Mapping[str, str]  # path below the folder -> text
RENDERERS: tuple[Callable[[AssetSettings], Files], ...] = (alerting_files, board_files, manifest_files)
LINKS = {  # option -> what lacks a link without it
    "keeper_url": "Alerts have no link to their jobs",
    "grafana_url": "Alerts have no link to their dashboard",
}
_THIS_MACHINE = re.compile(r"(.*\.)?localhost|127\..*|0\.0\.0\.0|::1?", re.IGNORECASE)


def render(assets: AssetSettings) -> dict[str, str]:
    """All files for these settings; two renderers that claim the same path are a mistake in the code."""
    files: dict[str, str] = {}
    for renderer in RENDERERS:
        for path, text in renderer(assets).items():
            if path in files:
                raise ValueError(f"{path} is rendered twice")
            files[path] = text
    return files


def find_local_links(assets: AssetSettings) -> list[str]:
    """Options whose address is this machine: from another machine such a link leads nowhere."""
    return [option for option in (*LINKS, "runbooks_url") if _is_local(getattr(assets, option))]


def find_missing_links(assets: AssetSettings) -> list[str]:
    """For each address that is not set: what lacks a link, and the option to set."""
    return [f"{what}: set assets.{option}." for option, what in LINKS.items() if getattr(assets, option) is None]


def _is_local(address: str | None) -> bool:
    return bool(_THIS_MACHINE.fullmatch((address and urlsplit(address).hostname) or ""))
