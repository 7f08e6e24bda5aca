-- What a part of a projection does without.
-- 1 name, 2 version, 3 part.
select event_id, position, reason, at
from daybook_skip
where name = ?1 and version = ?2 and part = ?3
order by position;
