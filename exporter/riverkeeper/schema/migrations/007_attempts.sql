-- Question: up to which attempt are the failures and rescues of a job counted, so that each is counted once?
-- Index: the primary key. Rows go 40 minutes after they were last written: there is one for each job that failed meanwhile.
-- NULL: never.
CREATE TABLE keeper.ledger_attempt (
    job_id  bigint PRIMARY KEY,
    attempt smallint NOT NULL,                 -- entries of river_job.errors up to this attempt are counted
    rescues integer NOT NULL,                  -- river:rescue_count up to which rescues are counted
    seen_at double precision NOT NULL          -- Unix seconds of the database
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
