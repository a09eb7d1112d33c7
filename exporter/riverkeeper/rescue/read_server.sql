-- Question: which server is this, and since when does it run? (another one may have lost the last beats)
-- Index: none.
-- NULL: address over a local socket.
SELECT
    inet_server_addr()::text AS address,
    extract(epoch FROM pg_postmaster_start_time())::double precision AS started_at
