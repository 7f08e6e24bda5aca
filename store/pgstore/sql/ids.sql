-- $1 log, $2 ids
select e.id, e.position, e.stream, e.version, e.type, e.recorded_at, e.stub
from unnest($2::uuid[]) asked (id) cross join lateral (
    select * from daybook_event e where e.log + 0 = $1 and e.id = asked.id limit 1
) e;
