"""The JavaScript client plays the scenarios that every client plays, and runs its own tests against a real database."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from conformance.suite import Level
from e2e.conforming import contract_database, play_all
from riverkeeper.demo.postgres import Server

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "js"
PACKED = {"README.md", "LICENSE", "package.json", "src", "sql", "types"}


def run(*command: str | Path, cwd: Path = CLIENT, **environment: str) -> str:
    """What a program writes; its output is shown where it fails."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_client_keeps_the_contract(postgres: Server) -> None:
    """At level full. `pytest tests/conformance --client` plays one scenario alone."""
    play_all(["node", CLIENT / "conform" / "main.js"], Level.FULL, postgres)


def test_own_tests_pass(postgres: Server) -> None:
    """Vectors, values, the adapter for River, and beats that go on while the main thread computes."""
    output = run("node", "--test", "test/", RIVERBEAT_TEST_DATABASE_URL=contract_database(postgres))
    assert "# fail 0" in output
    assert "# skipped 0" in output


def test_package_works_where_only_it_is_installed(tmp_path: Path) -> None:
    """Its types, made from its code, fit a program; it holds no test, needs `pg` alone, and finds its files."""
    run("npx", "prettier", "--check", ".")
    packed = json.loads(run("npm", "pack", "--json", "--pack-destination", tmp_path))[0]
    assert {Path(file["path"]).parts[0] for file in packed["files"]} == PACKED
    run("npx", "tsc", "--project", "test/tsconfig.json")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run("npm", "install", "--silent", "--no-audit", "--no-fund", tmp_path / packed["filename"], cwd=tmp_path)
    assert set(json.loads((CLIENT / "package.json").read_text())["dependencies"]) == {"pg"}
    (tmp_path / "use.js").write_text(
        'import { Beats } from "riverbeat";\n'
        'const beats = new Beats({ connection: "postgres://127.0.0.1:1/none", clientId: "js", logger: {\n'
        "  warn: (message, { error }) => { console.log(message, error); process.exit(); } } });\n"
        "setInterval(() => beats, 1000);\n"
    )
    assert "beat failed; jobs continue" in run("node", "use.js", cwd=tmp_path)
