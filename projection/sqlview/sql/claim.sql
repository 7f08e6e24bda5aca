-- Lets a runner move a part for a while, if nobody else may at the moment. One that
-- another had has a new owner.
-- 1 name, 2 version, 3 part, 4 the runner, 5 for how many nanoseconds. The clock
-- of the database takes the place of {now}.
update daybook_projection
set owner = case when holder <> '' and holder <> ?4 then ?4 else owner end,
    holder = ?4,
    held_until = {now} + ?5
where name = ?1 and version = ?2 and part = ?3
  and (holder = '' or holder = ?4 or held_until <= {now});
