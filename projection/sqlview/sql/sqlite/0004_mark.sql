-- What was decided about a version: empty, answering or held back.
alter table daybook_projection add column mark text not null default '';
