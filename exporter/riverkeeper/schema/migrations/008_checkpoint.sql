-- Question: from where does the next attempt of a job go on? (clients/CONTRACT.md)
-- Index: the primary key: one row for each claim that saved a checkpoint; the few that are not counted yet have one of
-- their own. A checkpoint changes no indexed column (HOT).
-- NULL: never: a row without NULL has a header that is eight bytes shorter, in each record of the log.
-- What a checkpoint changes stands last: of the rest nothing is logged.
CREATE TABLE keeper.checkpoint (
    job_id       bigint NOT NULL,
    attempted_at timestamptz NOT NULL,         -- with job_id the claim that saved it
    generation   integer NOT NULL,             -- 1 + that of the claim before: the newest counts, whatever the clocks say
    attempt      smallint NOT NULL,
    bytes        smallint NOT NULL GENERATED ALWAYS AS (octet_length(value)) STORED,
    resumes      integer NOT NULL DEFAULT 0,   -- how many claims have resumed from it
    resumes_counted integer NOT NULL DEFAULT 0,  -- of these, how many the ledger has counted
    resumed_at   timestamptz NOT NULL DEFAULT '-infinity',  -- attempted_at of the last claim that did
    value        text NOT NULL CHECK (octet_length(value) <= 8192),  -- JSON in ASCII; Riverkeeper never reads it
    saved_at     timestamptz NOT NULL,         -- database clock
    number       bigint NOT NULL,              -- of the value in its claim: an older value never replaces a newer one
    PRIMARY KEY (job_id, attempted_at)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX checkpoint_uncounted ON keeper.checkpoint (job_id, attempted_at) WHERE resumes > resumes_counted;
