-- $1 log, $2 time. Nothing is recorded at that time any more. It waits for whoever is recording.
update daybook_log set known = greatest(known, $2) where number = $1
returning id, incarnation, position, stamp, known, about, origin, synchronous, (extract(epoch from clock_timestamp()) * 1000000)::bigint * 1000;
