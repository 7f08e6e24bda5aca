-- Where the parts of a projection stand, in their order.
-- 1 name, 2 version.
select log, incarnation, position, applied, event_id, events, owner
from daybook_projection
where name = ?1 and version = ?2
order by part;
