-- Keeps that an event is skipped.
-- 1 name, 2 version, 3 part, 4 event id, 5 position, 6 reason, 7 at.
insert into daybook_skip (name, version, part, event_id, position, reason, at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict do nothing;
