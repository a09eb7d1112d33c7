"""Riverkeeper: liveness for River jobs, watched from outside through Postgres."""

from importlib.metadata import version as _version

__version__ = _version("riverkeeper")
