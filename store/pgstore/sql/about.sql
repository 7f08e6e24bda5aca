-- $1 log, $2 streams about streams, $3 position: what was recorded in them up to there
select e.stream, e.position, e.type, e.data
from unnest($2::text[]) asked (name) cross join lateral (
    select e.stream, e.position, e.type, e.data from daybook_event e
    where (e.log, e.stream, e.position) > ($1, asked.name, 0) and (e.log, e.stream, e.position) <= ($1, asked.name, $3)
      and e.stream is not null
) e
order by e.position;
