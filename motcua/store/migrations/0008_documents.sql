-- Documents: their bytes lie beside the rows that say what they are, and go when those are erased.
create table files (
    id      text primary key references private on delete cascade,
    content bytea not null
);
alter table files alter column content set storage external; -- what comes in is compressed already
grant select, insert, delete on files to motcua_app;
