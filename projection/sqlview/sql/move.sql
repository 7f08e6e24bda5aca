-- Moves a projection on, if it stands where its runner read it.
-- 1 to 6 the new place: log, incarnation, position, applied, event id, owner.
-- 7 name, 8 version.
-- 9 to 13 the place as it was read: log, incarnation, position, event id, owner.
update daybook_projection
set log = ?1, incarnation = ?2, position = ?3, applied = ?4, event_id = ?5, owner = ?6
where name = ?7 and version = ?8 and part = 0
  and log = ?9 and incarnation = ?10 and position = ?11 and event_id = ?12 and owner = ?13;
