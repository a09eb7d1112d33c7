"""Lays the Go modules out as a module proxy serves them: `python release/go_modules.py dist/go` (GOPROXY=file://…/dist/go).

A proxy makes the same files from the tags that it prints: a module in a folder has the folder before its version.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPOSITORY = "github.com/riverkeeper/riverkeeper"
PUBLISHED = ("clients/go", "clients/go/rivermiddleware", "clients/go/riverplugin")  # the others hold tests only


def main(target: Path, version: str) -> None:
    for folder in PUBLISHED:
        write_module(folder, f"v{version}", target / REPOSITORY / folder / "@v")
        print(f"{folder}/v{version}")


def write_module(folder: str, version: str, target: Path) -> None:
    """The four files of one version: list, .info, .mod and .zip."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "list").write_text(f"{version}\n")
    (target / f"{version}.info").write_text(json.dumps({"Version": version, "Time": commit_time()}))
    (target / f"{version}.mod").write_bytes((ROOT / folder / "go.mod").read_bytes())
    with zipfile.ZipFile(target / f"{version}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files(folder):
            archive.write(path, f"{REPOSITORY}/{folder}@{version}/{name}")


def files(folder: str) -> Iterator[tuple[str, Path]]:
    """Name in the module -> file. A folder with its own go.mod is another module. The licence is the repository's."""
    tracked = [Path(line) for line in git("ls-files", folder).splitlines()]
    inner = [path.parent for path in tracked if path.name == "go.mod" and path.parent != Path(folder)]
    for path in tracked:
        if not any(path.is_relative_to(other) for other in inner):
            yield str(path.relative_to(folder)), ROOT / path
    yield "LICENSE", ROOT / "LICENSE"


def commit_time() -> str:
    return git("show", "--no-patch", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "HEAD").strip()


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, cwd=ROOT, env={"TZ": "UTC"})
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
