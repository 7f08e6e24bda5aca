-- $1 log, $2 the stream about a stream after which to begin: the next of them, up to 1000
with recursive about (stream, n) as (
    (select e.stream, 1 from daybook_event e
     where e.log + 0 = $1 and e.stream > $2 and e.stream < '$%'
     order by e.stream limit 1)
    union all
    select next.stream, a.n + 1 from about a cross join lateral (
        select e.stream from daybook_event e
        where e.log + 0 = $1 and e.stream > a.stream and e.stream < '$%'
        order by e.stream limit 1
    ) next
    where a.n < 1000
)
select stream from about;
