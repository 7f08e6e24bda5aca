-- $1 log, $2 position, $3 time: the last position up to the one given that was recorded by
-- that time, or zero. Times rise with positions, so it is found by halving: what is at or
-- below low was recorded by then, what is above high was not.
with recursive halves (low, high) as (
    select 0::bigint, $2::bigint
    union all
    select case when e.position <= h.high and e.recorded_at <= $3 then e.position else h.low end,
           case when e.position <= h.high and e.recorded_at <= $3 then h.high else h.low + (h.high - h.low) / 2 end
    from halves h cross join lateral (
        select position, recorded_at from daybook_event
        where log = $1 and position > h.low + (h.high - h.low) / 2
        order by position limit 1
    ) e
    where h.low < h.high
)
select max(low) from halves;
