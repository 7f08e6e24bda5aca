-- Moves a part of a projection on, if it stands where its runner read it.
-- 1 to 9 the new place: log, incarnation, position, applied, event id, events, owner, paused, mark.
-- 10 name, 11 version, 12 part.
-- 13 to 19 the place as it was read: log, incarnation, position, applied, event id, events, owner.
update daybook_projection
set log = ?1, incarnation = ?2, position = ?3, applied = ?4, event_id = ?5, events = ?6, owner = ?7, paused = ?8, mark = ?9
where name = ?10 and version = ?11 and part = ?12
  and log = ?13 and incarnation = ?14 and position = ?15 and applied = ?16 and event_id = ?17 and events = ?18 and owner = ?19;
