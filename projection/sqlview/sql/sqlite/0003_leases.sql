-- Who may move a part until when, by the clock of this database.
alter table daybook_projection add column holder text not null default '';
alter table daybook_projection add column held_until integer not null default 0;
