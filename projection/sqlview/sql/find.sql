-- Where a part of a projection stands.
-- 1 name, 2 version, 3 part.
select log, incarnation, position, applied, event_id, events, owner, paused
from daybook_projection
where name = ?1 and version = ?2 and part = ?3;
