#!/bin/sh
# Kills the worker that runs a job which River itself would never rescue, and waits until the other one has it.
# After `docker compose up --build --detach`, from the repository's root.
set -eu

sql() { docker compose exec -T postgres psql -U river -d river -At -c "$1"; }

docker compose run --rm -T worker insert -kinds steady -queues default 1 >/dev/null
echo "A job of the kind 'steady' was inserted. Its first attempt never ends by itself."
until job=$(sql "SELECT id FROM river_job WHERE kind = 'steady' AND state = 'running' ORDER BY id DESC LIMIT 1") && [ "$job" ]; do sleep 1; done
until [ "$(sql "SELECT count(*) FROM riverkeeper.heartbeat WHERE job_id = $job")" -gt 0 ]; do sleep 1; done
container=$(sql "SELECT split_part(attempted_by[cardinality(attempted_by)], '_', 1) FROM river_job WHERE id = $job")
echo "Job $job runs in container $container, and beats. Killing it with SIGKILL."
docker kill "$container" >/dev/null
killed=$(date +%s)
until [ "$(sql "SELECT state FROM river_job WHERE id = $job")" = completed ]; do
    printf '\r%3ds  %s' "$(($(date +%s) - killed))" "$(sql "SELECT state || ', attempt ' || attempt FROM river_job WHERE id = $job")   "
    sleep 1
done
printf '\rJob %s was rescued and completed by the other worker, %ds after the kill.\n' "$job" "$(($(date +%s) - killed))"
docker compose exec -T riverkeeper riverkeeper history --config.file /etc/riverkeeper/riverkeeper.yml --limit 5
docker compose up --detach worker worker-2 >/dev/null
