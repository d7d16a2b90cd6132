-- Who audits compares what people were to be told with the facts; what was recorded before 0006 told it otherwise.
grant select on migrations to motcua_app;
