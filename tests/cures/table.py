"""Every cure, for every hazard of docs/reliability.md that concerns a keeper or a client."""

from __future__ import annotations

from cures import acting, around, beats, counting, fence, go_client, locks, many, names, outcomes, silence, web

CURES = (
    *locks.CURES, *acting.CURES, *outcomes.CURES, *silence.CURES, *many.CURES, *beats.CURES, *counting.CURES,
    *around.CURES, *go_client.CURES, *names.CURES, *web.CURES, *fence.CURES,
)  # fmt: skip
