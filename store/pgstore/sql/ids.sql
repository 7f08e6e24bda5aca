-- $1 log, $2 ids
select id, position, stream, version, type, recorded_at, stub from daybook_event where log + 0 = $1 and id = any($2::uuid[]);
