-- Generated from clients/sql/pod.sql: do not edit.
--   $1 instance
--   $2 pod_namespace
--   $3 pod_name
--   $4 pod_uid
--   $5 host
-- Question: (writes) In which pod does this process run? Sent after a beat: once for each process, and once more after beats
-- have failed, because the row may be another one by then.
-- Index: primary key of client.
-- NULL: each value that the process was not given, or that is no name.
--
-- Parameters: instance uuid, pod_namespace text, pod_name text, pod_uid text, host text (the host name of the process).
UPDATE keeper.client AS c
SET
    pod_namespace = $2::text,
    pod_name = $3::text,
    pod_uid = $4::text,
    host = $5::text
WHERE c.instance = $1::uuid
