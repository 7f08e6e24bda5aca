-- Puts a part of a projection before the first event.
-- 1 name, 2 version, 3 part, 4 the statements that made its tables.
insert into daybook_projection (name, version, part, log, incarnation, position, applied, event_id, events, owner, paused, tables)
values (?1, ?2, ?3, '', '', 0, 0, '', 0, '', '', ?4);
