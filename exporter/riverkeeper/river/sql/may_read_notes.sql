-- Question: May this login read the progress notes of jobs? They may be private, and the role of readers may not.
-- Index: none; the catalogue.
-- NULL: never.
SELECT has_column_privilege(%(heartbeat)s::oid, 'note', 'SELECT') AS may_read
