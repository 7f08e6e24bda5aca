-- Sets an event aside, or says anew why it is.
-- 1 name, 2 version, 3 part, 4 position, 5 event id, 6 type, 7 recorded at, 8 keys, 9 cause, 10 attempts, 11 since, 12 next.
insert into daybook_aside (name, version, part, position, event_id, type, recorded_at, keys, cause, attempts, since, next)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
on conflict (name, version, part, position) do update
set event_id = excluded.event_id, type = excluded.type, recorded_at = excluded.recorded_at, keys = excluded.keys,
    cause = excluded.cause, attempts = excluded.attempts, since = excluded.since, next = excluded.next;
