-- Gives back a part, if the runner has it.
-- 1 name, 2 version, 3 part, 4 the runner.
update daybook_projection
set holder = '', held_until = 0
where name = ?1 and version = ?2 and part = ?3 and holder = ?4;
