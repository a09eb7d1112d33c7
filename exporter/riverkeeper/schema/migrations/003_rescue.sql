-- Question: what did the rescuer do and why, what holds it back, and which wakes wait for it?
-- Index: see each table; all are small, but for the audit, which is read by time and by job.
-- NULL: see each column.
CREATE TABLE keeper.control (                     -- one row: what binds every replica at once
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    stopped_at    timestamptz,                    -- the kill switch; NULL: not pulled
    stopped_by    text,
    stopped_why   text,
    -- Since when the heartbeat path is verified: the writes of the active replica commit, same server, clocks agree, clients
    -- beat. Missed heartbeats count from then on. NULL: not verified.
    path_ok_since timestamptz,
    path_probe_at timestamptz,                    -- the last write probe
    path_server   text,                           -- system identifier and timeline, or the server's address
    path_state    jsonb,                          -- the rest of the fold (brakes/heartbeat_path.py)
    actor         uuid,                           -- the active replica
    actor_name    text,
    actor_at      timestamptz
);
INSERT INTO keeper.control DEFAULT VALUES;

CREATE TABLE keeper.brake (                       -- one row for each brake that has a state between ticks
    name          text PRIMARY KEY,
    engaged_at    timestamptz,                    -- NULL: not engaged
    sentence      text,                           -- why, for people
    state         jsonb NOT NULL DEFAULT '{}',    -- what the brake remembers (slow start: the step)
    released_at   timestamptz,                    -- by an operator; it engages again only on new evidence
    released_by   text
);

CREATE TABLE keeper.rescue (                      -- the audit: one row for each rescue, done or only judged
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    dry_run       boolean NOT NULL,
    job_id        bigint NOT NULL,
    attempted_at  timestamptz NOT NULL,           -- with job_id and attempt the claim that was judged
    attempt       smallint NOT NULL,
    queue         text NOT NULL,
    kind          text NOT NULL,
    priority      smallint NOT NULL,
    tier          text NOT NULL,
    reason        text NOT NULL,
    action        text NOT NULL,                  -- retry | discard | cancel | stop | hold (by policy and the locked row)
    state_after   text,                           -- NULL: dry run, stop and hold
    scheduled_at  timestamptz,                    -- when the next attempt may begin; NULL: none
    evidence      jsonb NOT NULL,                 -- last beat, progress, limit and its origin, path, database time
    woken_by      text NOT NULL,                  -- supervisor | alert <fingerprint> | person <name>
    keeper        uuid NOT NULL,                  -- which replica
    late_seconds  double precision,               -- from the moment the limit was passed to `at`; NULL: no limit
    old_worker    text,                           -- the previous worker: NULL not known yet | silent | beat | finished
    old_worker_at timestamptz,
    old_outcome   text,                           -- as the client wrote it into heartbeat.outcome
    closed_at     timestamptz,                    -- followed up to the end; NULL: still watched
    resumed       jsonb                           -- the checkpoint a later attempt resumed from, never its value; NULL: none did
);
CREATE UNIQUE INDEX rescue_once_a_claim ON keeper.rescue (job_id, attempted_at) WHERE NOT dry_run AND action <> 'stop';
CREATE UNIQUE INDEX rescue_stop_once ON keeper.rescue (job_id, attempted_at) WHERE NOT dry_run AND action = 'stop';
CREATE UNIQUE INDEX rescue_dry_once ON keeper.rescue (job_id, attempted_at, reason) WHERE dry_run;
CREATE INDEX rescue_by_time ON keeper.rescue (dry_run, at);
CREATE INDEX rescue_open ON keeper.rescue (id) WHERE closed_at IS NULL;

CREATE TABLE keeper.wake (                        -- the inbox: what alerts asked for, until it is worked off
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint   text NOT NULL,
    starts_at     timestamptz NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_heard_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- Alertmanager repeats an alert while it fires
    alert         text NOT NULL,                  -- alertname
    queue         text,                           -- scope; NULL: any
    kind          text,
    tier          text,
    reason        text,
    tries         integer NOT NULL DEFAULT 0,
    last_refusal  text,                           -- why the last pass could not act; NULL: it could, or none was made
    closed_at     timestamptz,
    outcome       text                            -- done | expired | resolved
);
CREATE UNIQUE INDEX wake_once ON keeper.wake (fingerprint, starts_at) WHERE closed_at IS NULL;
CREATE INDEX wake_open ON keeper.wake (id) WHERE closed_at IS NULL;
