"""The benchmarks: `python benchmarks/run.py [--shape a] [--scale 0.1]`; see docs/performance.md."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    runpy.run_module("benchmarks.command", run_name="__main__")
