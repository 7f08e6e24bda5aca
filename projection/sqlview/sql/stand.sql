-- Where a part of a projection stands, and whether there is more to ask for.
-- 1 name, 2 version, 3 part, 4 the name without the edition.
select log, incarnation, position, applied, event_id, events, owner, paused, mark,
    exists (select 1 from daybook_aside a where a.name = p.name and a.version = p.version and a.part = p.part),
    exists (select 1 from daybook_skip s where s.name = ?4 and s.version <= p.version)
from daybook_projection p
where p.name = ?1 and p.version = ?2 and p.part = ?3;
