-- Question: is this still the same server with the same past? (after a failover some commits may be gone)
-- Index: none; control data and the name of the present WAL segment, whose first eight digits are the timeline.
-- NULL: never; raises on a standby and where the function is not allowed, and then nothing is known.
SELECT
    (pg_control_system()).system_identifier::text AS system,
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline
