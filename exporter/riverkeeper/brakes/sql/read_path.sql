-- Question: since when is the heartbeat path verified, by a probe that is not too old?
-- Index: the table has one row.
-- NULL: path_ok_since where it is not verified, or the last probe is older.
SELECT
    extract(epoch FROM CASE WHEN abs(extract(epoch FROM now() - c.path_probe_at)) <= %(patience)s::double precision
         THEN c.path_ok_since END)::double precision
        AS path_ok_since
FROM keeper.control AS c
