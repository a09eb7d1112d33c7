-- Question: (test database only) which application changed which job, and which effects did jobs have?
-- Index: none; both tables are read once, at the end of a run.
-- NULL: nothing here is; a claim that is not there is the empty text.
CREATE SCHEMA chaos;

CREATE TABLE chaos.effect (
    job_id       bigint NOT NULL,
    attempted_at timestamptz NOT NULL,
    completes    boolean NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE chaos.change (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    application  text NOT NULL,
    operation    text NOT NULL,
    job_id       bigint NOT NULL,
    before       text NOT NULL,
    after        text NOT NULL,
    claim_before text NOT NULL,
    claim_after  text NOT NULL
);

CREATE FUNCTION chaos.claim(attempted_at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(pg_catalog.to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '')
$$;

-- AFTER: what another trigger has dropped was not changed.
CREATE FUNCTION chaos.note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.change (application, operation, job_id, before, after, claim_before, claim_after)
    VALUES (
        current_setting('application_name'), TG_OP, coalesce(new.id, old.id),
        coalesce(old.state::text, ''), coalesce(new.state::text, ''),
        chaos.claim(old.attempted_at), chaos.claim(new.attempted_at)
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER chaos_note AFTER INSERT OR UPDATE OR DELETE ON river_job
FOR EACH ROW EXECUTE FUNCTION chaos.note_change();
