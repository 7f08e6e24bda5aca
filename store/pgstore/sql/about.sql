-- $1 log, $2 streams about streams, $3 position: what was recorded in them up to there. In
-- most logs nothing ever was, which takes one look at the head.
select e.stream, e.position, e.type, e.data
from (select from daybook_log where number = $1 and about > 0 offset 0) forgets cross join unnest($2::text[]) asked (name) cross join lateral (
    select e.stream, e.position, e.type, e.data from daybook_event e
    where e.log + 0 = $1 and e.stream = asked.name and e.position <= $3
    order by e.position -- one look for each, rather than a join
) e
order by e.position;
