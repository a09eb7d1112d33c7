-- Question: which server is this, since when does it run, what time is it there? (another one may have lost the last beats)
-- Index: none.
-- NULL: address over a local socket.
SELECT
    extract(epoch FROM clock_timestamp())::double precision AS now,
    pg_is_in_recovery() AS standby,
    inet_server_addr()::text AS address,
    extract(epoch FROM pg_postmaster_start_time())::double precision AS started_at
