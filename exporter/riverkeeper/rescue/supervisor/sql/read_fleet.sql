-- Question: how many processes beat within ten minutes, how many are on time, how many are stale, and how many of the stale
-- ones stopped at once?
-- Index: none; client has a row for each process, and is swept.
-- NULL: newest_stale_at where none is stale; newest_beat_at where there is no process at all.
-- The ten minutes end at counted_to, or at the newest beat. Missed beats count from ok_since on, as for jobs. A beat in
-- the future was written before the clock went back, and proves nothing until the next one. Processes that stop at one
-- moment beat last within one interval of each other: `at_once` counts those that stopped together with the youngest.
WITH past AS (
    SELECT c.beat_at, c.beat_interval
    FROM keeper.client AS c
    WHERE c.beat_at <= clock_timestamp() + interval '5 seconds'
), fleet AS (
    SELECT p.beat_at, p.beat_interval
    FROM past AS p
    WHERE p.beat_at > coalesce(
        to_timestamp(%(counted_to)s::double precision), (SELECT max(n.beat_at) FROM past AS n)
    ) - make_interval(secs => %(fleet_seconds)s::double precision)
), judged AS (
    SELECT
        f.beat_at,
        f.beat_interval,
        f.beat_at >= clock_timestamp() - %(late_intervals)s::double precision * f.beat_interval AS on_time,
        greatest(f.beat_at, to_timestamp(%(ok_since)s::double precision))
            < clock_timestamp() - %(stale_intervals)s::double precision * f.beat_interval AS stale,
        coalesce(f.beat_at > to_timestamp(%(answered_to)s::double precision), true) AS is_news
    FROM fleet AS f
), news AS (
    SELECT max(h.beat_at) AS youngest, max(h.beat_interval) AS longest_interval
    FROM judged AS h
    WHERE h.stale AND h.is_news
)
SELECT
    count(*) AS instances,
    count(*) FILTER (WHERE h.on_time) AS on_time,
    count(*) FILTER (WHERE h.stale) AS stale,
    count(*) FILTER (WHERE h.stale AND h.is_news AND h.beat_at >= (
        SELECT n.youngest - n.longest_interval - make_interval(secs => %(at_once_slack)s::double precision)
        FROM news AS n
    )) AS at_once,
    extract(epoch FROM max(h.beat_at) FILTER (WHERE h.stale))::double precision AS newest_stale_at,
    extract(epoch FROM max(h.beat_at))::double precision AS newest_beat_at
FROM judged AS h
