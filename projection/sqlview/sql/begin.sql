-- Puts a projection before the first event.
-- 1 name, 2 version, 3 the statements that made its tables.
insert into daybook_projection (name, version, part, log, incarnation, position, applied, event_id, owner, tables)
values (?1, ?2, 0, '', '', 0, 0, '', '', ?3);
