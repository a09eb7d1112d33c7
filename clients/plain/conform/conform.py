"""The plain client in Python behind the conformance protocol (CONTRACT.md, "Test your client")."""

import argparse
import json
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from plain_beats import PlainBeats  # noqa: E402 - it lies beside this folder

parser = argparse.ArgumentParser()
for flag in ("database-url", "river-schema", "keeper-schema", "client-id", "interval"):
    parser.add_argument(f"-{flag}")
options = parser.parse_args()
lock = threading.Lock()
at_work = {}  # by job id, the oldest attempt first: the claim and the cause of its cancellation


def say(event, **fields):
    with lock:
        print(json.dumps({"event": event, **fields}), flush=True)


beats = PlainBeats(
    options.database_url,
    options.client_id,
    float(options.interval.removesuffix("s")),
    options.river_schema,
    options.keeper_schema,
    HERE.parents[1] / "sql",
)
say("ready")
for line in sys.stdin:
    command = json.loads(line)
    claim = {key: command[key] for key in ("job_id", "attempt", "attempted_at") if key in command}
    if command["do"] == "start":
        work = {"claim": claim, "cause": None}

        def cancel(cause, work=work):
            if work["cause"] is None:
                work["cause"] = cause
                say("cancelled", **work["claim"], cause=cause)

        at_work.setdefault(claim["job_id"], []).append(work)
        beats.jobs[claim["job_id"], claim["attempted_at"]] = cancel
        say("begun", **claim)
    elif command["do"] == "finish":
        work = at_work[claim["job_id"]].pop(0)
        beats.jobs.pop((claim["job_id"], work["claim"]["attempted_at"]), None)
        say("result", **work["claim"], held=work["cause"] != "claim_lost", token=None)
    elif command["do"] == "stats":
        say("stats", stats={"beats": beats.beats, "failures": beats.failures})
    elif command["do"] == "quit":
        break
