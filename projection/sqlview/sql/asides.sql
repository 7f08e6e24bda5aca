-- What is set aside of a part, in order.
-- 1 name, 2 version, 3 part.
select position, event_id, type, recorded_at, keys, cause, attempts, since, next
from daybook_aside
where name = ?1 and version = ?2 and part = ?3
order by position;
