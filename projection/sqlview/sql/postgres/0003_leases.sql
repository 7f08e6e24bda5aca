-- Who may move a part until when, by the clock of this database.
alter table daybook_projections.daybook_projection
    add column holder text not null default '',
    add column held_until bigint not null default 0;
