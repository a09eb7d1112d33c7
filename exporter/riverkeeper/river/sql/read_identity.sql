-- Question: Is this the same server with the same history? (A failover may lose commits.)
-- Index: none; control data and the name of the present WAL segment, whose first eight digits are the timeline.
-- NULL: never. Raises on a standby, and where the function is not allowed: the identity is then unknown.
SELECT
    (pg_control_system()).system_identifier::text AS system,
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline
