-- Takes up what was set aside.
-- 1 name, 2 version, 3 part, 4 position.
delete from daybook_aside where name = ?1 and version = ?2 and part = ?3 and position = ?4;
