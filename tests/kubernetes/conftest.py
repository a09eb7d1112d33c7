"""The API server that the tests of this folder share, and a namespace for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import yaml

from kubernetes.cluster import Cluster, cluster_at_work

ROOT = Path(__file__).parents[2]
_numbers = count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_at_work(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A new one, with the user's Secret, that admits only pods of the strictest policy."""
    manifest = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "namespace.yaml").read_text("utf-8"))
    name = manifest["metadata"]["name"] = f"shop-{next(_numbers)}"
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump(manifest))
    make_secret(cluster, name)
    return str(name)


def make_secret(cluster: Cluster, namespace: str, name: str = "riverkeeper") -> None:
    keys = {
        "database-url": "postgresql://keeper@db/app",
        "owner-url": "postgresql://owner@db/app",
        "webhook-token": "t",
    }
    literals = [f"--from-literal={key}={value}" for key, value in keys.items()]
    cluster.kubectl("create", "secret", "generic", name, "--namespace", namespace, *literals)
