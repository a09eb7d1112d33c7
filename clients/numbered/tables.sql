-- Generated from the keeper schema's migrations: do not edit. `riverkeeper schema install` makes these tables; they
-- stand here to be read. A client writes both, and creates neither.
CREATE TABLE keeper.heartbeat (
    job_id            bigint NOT NULL,
    attempted_at      timestamptz NOT NULL,      -- with job_id the claim; as River wrote it, to the microsecond
    attempt           smallint NOT NULL,
    instance          uuid NOT NULL,             -- the process that beats, as in client
    beat_interval     interval NOT NULL,
    lease             interval,                  -- NULL: the client never cancels its own work
    beat_at           timestamptz NOT NULL,      -- database clock, at the start of the beat's statement
    first_beat_at     timestamptz NOT NULL DEFAULT now(),  -- no client writes it
    progress_at       timestamptz,               -- NULL: the job has never reported progress
    progress          real CHECK (progress BETWEEN 0 AND 1),
    note              text CHECK (octet_length(note) <= 1024),
    lost_at           timestamptz,               -- set once, by the rescue that took the claim away; no beat is taken any more
    stop_requested_at timestamptz,               -- Riverkeeper requests the client to stop the job
    stack_requested_at timestamptz,              -- Riverkeeper requests the stack of the job's work (table stack)
    stack_at          timestamptz,               -- the client sent it; NULL: never. Earlier than the request: not yet
    ended_at          timestamptz,               -- the work has returned, under a live claim or a lost one
    outcome           text,                      -- completed | failed | snoozed | cancelled | abandoned
    PRIMARY KEY (job_id, attempted_at)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE TABLE keeper.client (
    instance      uuid PRIMARY KEY,              -- made anew at every start of a process
    client_id     text NOT NULL,                 -- as River writes it into attempted_by; two processes may share it
    beat_at       timestamptz NOT NULL,
    beat_interval interval NOT NULL,
    kinds         text[],                        -- NULL: it beats for every kind it works
    fences        boolean NOT NULL,              -- its results carry the fencing token (contract, level full)
    software      text NOT NULL,                 -- name and version of the client library
    started_at    timestamptz NOT NULL,
    pod_namespace text CHECK (octet_length(pod_namespace) <= 253),  -- these four: NULL where the process was given no pod
    pod_name      text CHECK (octet_length(pod_name) <= 253),
    pod_uid       text CHECK (octet_length(pod_uid) <= 253),
    host          text CHECK (octet_length(host) <= 253)  -- host name of the process: the pod's, if the pod is its own
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
