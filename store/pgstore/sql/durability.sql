-- What says which commits last. It may be changed while a connection is open.
select current_setting('fsync'), current_setting('synchronous_commit'), current_setting('synchronous_standby_names');
