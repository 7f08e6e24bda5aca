-- $1 log, $2 streams: the newest event of each
select asked.name, newest.version, newest.position
from unnest($2::text[]) asked (name) cross join lateral (
    select e.version, e.position from daybook_event e
    where e.log + 0 = $1 and e.stream = asked.name
    order by e.version desc limit 1
) newest;
