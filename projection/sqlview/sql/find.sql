-- Where a projection stands.
-- 1 name, 2 version.
select log, incarnation, position, applied, event_id, owner
from daybook_projection
where name = ?1 and version = ?2 and part = 0;
