-- $1 name, $2 id, $3 incarnation, $4 lowest time, $5 origin
insert into daybook_log (name, id, incarnation, position, stamp, known, about, origin)
values ($1, $2, $3, 0, $4, $4, 0, $5)
on conflict (name) do nothing;
