-- $1 log, $2 stream, $3 and $4 positions, the second one included, $5 how many: the events between them that are whole
select e.position, e.recorded_at, e.version, e.happened_at, e.id, e.stub, e.type, e.stream, e.tags, e.content_type, e.metadata, e.data, e.digest
from daybook_event e
where e.log + 0 = $1 and e.stream = $2 and e.position > $3 and e.position <= $4 and e.stub is null
order by e.position limit $5;
