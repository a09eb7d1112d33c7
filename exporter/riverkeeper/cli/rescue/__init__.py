"""`riverkeeper rescue`: rescue named jobs, see what was rescued and how often that was wrong, pause and resume."""

from __future__ import annotations

from riverkeeper.cli.rescue.control import pause, release, resume, status
from riverkeeper.cli.rescue.history import list_rescues, report
from riverkeeper.cli.rescue.run import run
from riverkeeper.cli.terminal import OrderedGroup

rescue = OrderedGroup("rescue", help="Rescue stuck jobs, and control the rescuer.")
for command in (run, list_rescues, report, status, pause, resume, release):
    rescue.add_command(command)
