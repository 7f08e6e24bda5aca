-- $1 log, $2 streams about streams, $3 position: what was recorded in them up to there
select e.stream, e.position, e.type, e.data
from unnest($2::text[]) asked (name) cross join lateral (
    select e.stream, e.position, e.type, e.data from daybook_event e
    where e.log + 0 = $1 and e.stream = asked.name and e.position <= $3
    order by e.position -- one look for each, rather than a join
) e
order by e.position;
