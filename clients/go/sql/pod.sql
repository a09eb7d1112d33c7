-- Question: (writes) In which pod does this process run? Sent after a beat: once for each process, and once more after beats
-- have failed, because the row may be another one by then.
-- Index: primary key of client.
-- NULL: each value that the process was not given, or that is no name.
--
-- Parameters: instance uuid, pod_namespace text, pod_name text, pod_uid text, host text (the host name of the process).
UPDATE keeper.client AS c
SET
    pod_namespace = %(pod_namespace)s::text,
    pod_name = %(pod_name)s::text,
    pod_uid = %(pod_uid)s::text,
    host = %(host)s::text
WHERE c.instance = %(instance)s::uuid
