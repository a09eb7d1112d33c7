"""One version everywhere, and what is published is what the release builds and tags."""

from __future__ import annotations

import re

import yaml
from release.go_modules import PUBLISHED, REPOSITORY
from release.notes import notes

from consistency.tree import ROOT
from fixtures.offenders import for_each
from riverkeeper import __version__

OURS = re.compile(r"(github\.com/riverkeeper/riverkeeper/\S+) (v\S+)$", re.MULTILINE)
# Where our version stands: the file, and what is around it.
VERSIONS = (
    ("pyproject.toml", r'^version = "(.*)"$'),
    ("clients/go/version.go", r'Version = "(.*)"'),
    ("clients/js/package.json", r'^  "version": "(.*)"'),
    ("clients/js/package-lock.json", r'"name": "riverbeat",\n +"version": "(.*)"'),
    ("clients/rust/Cargo.toml", r'^version = "(.*)"'),
    ("clients/rust/Cargo.lock", r'name = "riverbeat"\nversion = "(.*)"'),
    ("deploy/helm/riverkeeper/Chart.yaml", r'^(?:appVersion|version): "?([^"\n]+)"?$'),
    ("deploy/kubernetes/kustomization.yaml", r'newTag: "(.*)"'),
    ("docs/kubernetes.md", r"--version (\S+)"),
    ("SECURITY.md", r"(?:riverkeeper[-:]|charts/riverkeeper:|@v|==)(\d+\.\d+\.\d+)"),
    ("CHANGELOG.md", r"\A(?:.*\n)*?## (\S+) - "),
)


def test_go_modules_require_this_version_of_each_other() -> None:
    """A `replace` is not seen by who installs a module: what it requires must be published."""
    offenders = [
        f"{path.relative_to(ROOT)}: {module} {version}"
        for pattern in ("clients/go/**/*.mod", "benchmarks/**/*.mod", "tests/e2e/**/*.mod")
        for path in ROOT.glob(pattern)
        for module, version in OURS.findall(path.read_text(encoding="utf-8"))
        if version != f"v{__version__}"
    ]
    assert offenders == []


def test_a_published_module_requires_only_published_ones() -> None:
    """Else `go get` fails for everybody."""
    names = {f"github.com/riverkeeper/riverkeeper/{folder}" for folder in PUBLISHED}
    for folder in PUBLISHED:
        required = {module for module, _ in OURS.findall((ROOT / folder / "go.mod").read_text(encoding="utf-8"))}
        assert required <= names, folder


def test_the_release_tags_what_it_built() -> None:
    """The workflow tags the same modules that `make release` laid out and tried."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    script = next(step["run"] for step in workflow["jobs"]["page"]["steps"] if "Go modules" in step.get("name", ""))
    assert re.search(r"for module in (.*); do", script)[1].split() == list(PUBLISHED)  # type: ignore[index]


@for_each("place", VERSIONS)
def test_one_version_everywhere(place: tuple[str, str]) -> None:
    """What a user copies, installs or sees in a heartbeat is of the version that is released."""
    path, pattern = place
    found = re.findall(pattern, (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)

    assert set(found) == {__version__}


def test_the_notes_are_the_changelog_s_part_of_this_version() -> None:
    """With links that work on the release's page, and what to do with the files."""
    text = notes(__version__)

    assert text.strip()
    assert "## " not in text.replace("### ", "")
    assert re.findall(r"\]\((?!https://|#)", text) == []
    assert f"/blob/v{__version__}/SECURITY.md#" in text


WORKFLOWS = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / ".github" / "workflows").iterdir()}
JOBS = [(file, name, job) for file, workflow in WORKFLOWS.items() for name, job in workflow["jobs"].items()]


def test_every_action_is_pinned_to_a_commit() -> None:
    """A tag of somebody else's repository can be moved."""
    used = [(file, step["uses"]) for file, _, job in JOBS for step in job["steps"] if "uses" in step]

    assert used
    assert [use for use in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use[1])] == []


def test_the_site_that_is_published_is_the_one_that_make_docs_builds() -> None:
    """The workflow uploads the folder that mkdocs writes, and the pages know the address at which they are served."""
    build = WORKFLOWS["docs.yml"]["jobs"]["build"]["steps"]
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    assert "make docs" in [step.get("run") for step in build]
    uploaded = next(step["with"]["path"] for step in build if "upload-pages-artifact" in step.get("uses", ""))
    assert re.findall(r"^site_dir: (\S+)$", configuration, re.MULTILINE) == [uploaded]
    owner, name = REPOSITORY.split("/")[1:]
    assert f"site_url: https://{owner}.github.io/{name}/" in configuration


def test_workflows_hold_no_secret() -> None:
    """Publishing is by the identity of the workflow."""
    assert [path.name for path in (ROOT / ".github").rglob("*.yml") if "secrets" in path.read_text("utf-8")] == []


def test_each_job_has_the_fewest_rights() -> None:
    """A job that publishes names its own; the others read. Only the job that pushes tags keeps its credentials."""
    assert WORKFLOWS["release.yml"]["permissions"] == WORKFLOWS["docs.yml"]["permissions"] == {}
    assert WORKFLOWS["test.yml"]["permissions"] == {"contents": "read"}
    assert [name for file, name, job in JOBS if file != "test.yml" and "permissions" not in job] == []
    assert [name for _, name, job in JOBS if "timeout-minutes" not in job] == []
    writers = {name for _, name, job in JOBS if job.get("permissions", {}).get("contents") == "write"}
    kept = {
        name
        for _, name, job in JOBS
        for step in job["steps"]
        if "checkout" in step.get("uses", "") and step["with"]["persist-credentials"]
    }
    assert writers == kept == {"page"}


def test_the_chart_starts_the_image_that_is_published() -> None:
    """The same repository and the same tag, which has no v."""
    values = yaml.safe_load((ROOT / "deploy" / "helm" / "riverkeeper" / "values.yaml").read_text(encoding="utf-8"))
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")

    assert values["image"] == {"repository": "ghcr.io/riverkeeper/riverkeeper", "tag": ""}
    assert REPOSITORY == "github.com/riverkeeper/riverkeeper"
    assert "ghcr.io/${{ github.repository }}" in text
    assert 'echo "VERSION=${GITHUB_REF_NAME#v}"' in text
