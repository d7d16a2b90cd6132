-- The desk: what burns comes first, applicants are found by name, pages hear of what changes, and people sign in.

-- The instant that a task is urgent for: its own or its dossier's, whichever is nearer; none once the result is
-- ready, for what nobody picks up is not late. `place` sorts those whose clock runs before those that wait.
alter table tasks
    add column place     smallint    not null default 0,
    add column urgent_at timestamptz not null default 'infinity';
alter table dossiers add column applicant text;
comment on column dossiers.applicant is 'The row of private that holds the applicant; of a linked dossier it is the asking one''s.';

update dossiers d set applicant = f.data -> 'applicant' ->> 'id'
  from facts f where f.code = d.code and f.seq = 1;

create function urgent_at(step_due timestamptz, d_due timestamptz, ready timestamptz) returns timestamptz
language sql immutable parallel safe as $$
    select case when ready is null then coalesce(least(step_due, d_due), 'infinity') else 'infinity' end
$$;
create function place(paused boolean, urgent timestamptz) returns smallint
language sql immutable parallel safe as $$
    select case when paused then 1 when urgent = 'infinity' then 2 else 0 end::smallint
$$;

update tasks t set urgent_at = urgent_at(t.due_at, d.due_at, d.ready_at),
                   place = place(t.paused, urgent_at(t.due_at, d.due_at, d.ready_at))
  from dossiers d where d.code = t.code;

create index tasks_by_urgency on tasks (unit, place, urgent_at, code);
create index tasks_by_holder on tasks (assignee, place, urgent_at, code) where assignee is not null;
create index tasks_everywhere on tasks (place, urgent_at, code);
create index dossiers_by_unit on dossiers (unit, submitted_at desc, code);
create index dossiers_by_submission on dossiers (submitted_at desc, code);
create index dossiers_by_applicant on dossiers (applicant);
create index dossiers_by_end on dossiers (coalesce(ready_at, finished_at));

-- Names are looked for without marks: nguyen finds Nguyễn, and so does the one who types the marks.
create function unmarked(words text) returns text language sql immutable parallel safe as $$
    select lower(translate(regexp_replace(normalize(words, NFD), '[\u0300-\u036f]', '', 'g'), 'đĐ', 'dd'))
$$;
alter table private add column words tsvector generated always as (
    case when kind = 'applicant' then to_tsvector('simple'::regconfig, unmarked(
        (content ->> 'name') || ' ' || coalesce(content -> 'owner' ->> 'name', '') || ' '
        || coalesce(content ->> 'phone', '') || ' ' || coalesce(content ->> 'id_number', ''))) end) stored;
create index private_by_words on private using gin (words) where words is not null;

create or replace function set_read_model(r jsonb) returns void language plpgsql as $$
declare
    the_code text := r ->> 'code';
    was      text;
begin
    select unit into was from dossiers where code = the_code;
    insert into dossiers
    select (jsonb_populate_record(null::dossiers, r)).*
    on conflict (code) do update set
        unit = excluded.unit, channel = excluded.channel, stage = excluded.stage, status = excluded.status,
        national_status = excluded.national_status, submitted_at = excluded.submitted_at,
        received_at = excluded.received_at, due_at = excluded.due_at,
        original_due_at = excluded.original_due_at, promised_at = excluded.promised_at,
        apology_at = excluded.apology_at, apology_reason = excluded.apology_reason,
        apology_proposed_at = excluded.apology_proposed_at,
        ready_at = excluded.ready_at, finished_at = excluded.finished_at,
        timeliness = excluded.timeliness, outcome = excluded.outcome, paused = excluded.paused,
        paused_at = excluded.paused_at, applicant = excluded.applicant,
        seq = excluded.seq, head = excluded.head;

    delete from tasks t where t.code = the_code
       and not exists (select from jsonb_array_elements(r -> 'tasks') x where (x ->> 'id')::integer = t.id);
    insert into tasks
    select the_code, x.id, x.step, x.stage, x.role, x.unit, x.assignee, x.opened_at, x.due_at, x.paused,
           place(x.paused, u.at), u.at
      from jsonb_populate_recordset(null::tasks, r -> 'tasks') x,
           urgent_at(x.due_at, (r ->> 'due_at')::timestamptz, (r ->> 'ready_at')::timestamptz) u(at)
    on conflict (code, id) do update set
        unit = excluded.unit, assignee = excluded.assignee, due_at = excluded.due_at,
        paused = excluded.paused, place = excluded.place, urgent_at = excluded.urgent_at;

    delete from terms t where t.code = the_code
       and not exists (select from jsonb_array_elements(r -> 'terms') x where (x ->> 'id')::integer = t.id);
    insert into terms
    select the_code, x.id, x."of", x.name, x."limit", x.started_at, x.due_at, x.original_due_at,
           x.generation, x.paused, x.rests_until, x.rests_by
      from jsonb_populate_recordset(null::terms, r -> 'terms') x
    on conflict (code, id) do update set
        started_at = excluded.started_at, due_at = excluded.due_at, generation = excluded.generation,
        paused = excluded.paused, rests_until = excluded.rests_until, rests_by = excluded.rests_by
     where (terms.started_at, terms.due_at, terms.generation, terms.paused, terms.rests_until, terms.rests_by)
        is distinct from (excluded.started_at, excluded.due_at, excluded.generation, excluded.paused,
                          excluded.rests_until, excluded.rests_by);

    perform pg_notify('motcua_desk', concat_ws(' ', the_code, r ->> 'seq', r ->> 'unit', nullif(was, r ->> 'unit')));
end $$;

-- Accounts. Who works here, in which roles, is in the catalogue; here is by what they sign in.

create table accounts (
    person       text primary key,
    password     text,
    must_change  boolean not null default false,
    disabled     boolean not null default false,
    failed       integer not null default 0,
    locked_until timestamptz,
    changed_at   timestamptz not null default clock_timestamp()
);
comment on column accounts.password is 'argon2id, with its parameters; null: nobody can sign in by it.';

create table sessions (
    token      text primary key,
    person     text not null,
    csrf       text not null,
    address    text not null,
    agent      text not null,
    began_at   timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp(),
    ends_at    timestamptz not null,
    ended_at   timestamptz,
    ended_by   text
);
comment on column sessions.token is 'SHA-256 of what the browser holds: who reads this table can sign in as nobody.';
create index sessions_by_person on sessions (person) where ended_at is null;

-- Every sign-in and every refusal, never changed.
create table sign_ins (
    number  bigint generated always as identity primary key,
    person  text not null,
    what    text not null,
    why     text not null default '',
    by      text,
    address text not null,
    agent   text not null,
    at      timestamptz not null default clock_timestamp()
);
create index sign_ins_by_person on sign_ins (person, number);
create trigger sign_ins_stay before update or delete on sign_ins
    for each row execute function refuse_change();
create trigger sign_ins_are_not_emptied before truncate on sign_ins
    for each statement execute function refuse_change();

-- Views of the inbox that people have kept; each is the query of an address.
create table filters (
    number  bigint generated always as identity primary key,
    person  text not null,
    name    text not null,
    query   text not null,
    unique (person, name)
);

grant select, insert, update on accounts, sessions to motcua_app;
grant select, insert on sign_ins to motcua_app;
grant select, insert, update, delete on filters to motcua_app;
