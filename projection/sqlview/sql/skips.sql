-- What was skipped in a version or in an earlier one.
-- 1 name, 2 version.
select version, part, event_id, position, reason, at
from daybook_skip
where name = ?1 and version <= ?2
order by version desc, position;
