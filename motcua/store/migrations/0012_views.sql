-- Who looked at whose personal data, from where; and what finds acts across dossiers. Views are hashed into the journal at
-- each seal (models/journal.py, ViewsClosed).
create table views (
    number  bigint      generated always as identity primary key,
    at      timestamptz not null default clock_timestamp(),
    person  text        not null,
    address text        not null,
    what    text        not null,
    code    text,
    about   text        not null default ''
);
comment on column views.about is 'Which document or paper, or how many dossiers a list named; never what was looked for.';
create index views_by_code on views (code, at) where code is not null;
create index views_by_person on views (person, at);
create index views_by_time on views using brin (at);
create trigger views_stay before update or delete on views for each row execute function refuse_change();
create trigger views_are_not_emptied before truncate on views for each statement execute function refuse_change();
grant select, insert on views to motcua_app;

create index facts_by_actor on facts (actor, at);
create index facts_by_time on facts using brin (at);
