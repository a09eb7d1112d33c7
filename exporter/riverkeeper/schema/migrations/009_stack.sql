-- Question: where does the work of a running attempt stand, as its client answered a request? (clients/CONTRACT.md, "Stacks")
-- Index: the primary key; a row for each claim whose stack was requested and sent.
-- NULL: never. Kept as long as the heartbeat row of its claim, or as the audit of a rescue of it.
CREATE TABLE keeper.stack (
    job_id       bigint NOT NULL,
    attempted_at timestamptz NOT NULL,           -- with job_id the claim
    taken_at     timestamptz NOT NULL,           -- database clock, at the start of the statement that brought it
    stack        text NOT NULL CHECK (octet_length(stack) <= 32768),
    PRIMARY KEY (job_id, attempted_at)
);
