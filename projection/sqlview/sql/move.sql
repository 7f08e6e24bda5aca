-- Moves a part of a projection on, if it stands where its runner read it.
-- 1 to 8 the new place: log, incarnation, position, applied, event id, events, owner, paused.
-- 9 name, 10 version, 11 part.
-- 12 to 18 the place as it was read: log, incarnation, position, applied, event id, events, owner.
update daybook_projection
set log = ?1, incarnation = ?2, position = ?3, applied = ?4, event_id = ?5, events = ?6, owner = ?7, paused = ?8
where name = ?9 and version = ?10 and part = ?11
  and log = ?12 and incarnation = ?13 and position = ?14 and applied = ?15 and event_id = ?16 and events = ?17 and owner = ?18;
