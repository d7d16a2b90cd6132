-- The office's record. Two kinds of tables: facts (append-only, chained) and the rest.
-- The application works as the role motcua_app, which cannot update or delete a fact.

do $$
begin
    if not exists (select from pg_roles where rolname = 'motcua_app') then
        create role motcua_app nologin;
    end if;
exception when duplicate_object or unique_violation then
    null; -- roles belong to the whole server: another database's migration made it just now
end $$;
grant motcua_app to current_user;
grant usage on schema public to motcua_app;

create table facts (
    code        text        not null,
    seq         integer     not null check (seq > 0),
    kind        text        not null,
    at          timestamptz not null,
    actor       text        not null,
    unit        text        not null,
    command     text        not null,
    data        jsonb       not null,
    prev_hash   text        not null,
    hash        text        not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (code, seq)
);
comment on table facts is 'What happened; never updated or deleted. Hashes: models/chain.py.';

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'facts are never changed or deleted' using errcode = 'insufficient_privilege';
end $$;

create trigger facts_stay before update or delete on facts
    for each row execute function refuse_change();
create trigger facts_are_not_emptied before truncate on facts
    for each statement execute function refuse_change();

-- The read model: derived from the facts (models/view.py) and rebuilt from them at any time.

create table dossiers (
    code            text primary key,
    office          text not null,
    unit            text not null,
    procedure       text not null,
    version         text not null,
    field           text not null,
    channel         text,
    stage           text not null,
    status          text not null,
    national_status integer not null,
    submitted_at    timestamptz,
    received_at     timestamptz,
    due_at          timestamptz,
    original_due_at timestamptz,
    promised_at     timestamptz,
    ready_at        timestamptz,
    finished_at     timestamptz,
    timeliness      text,
    outcome         text,
    paused          boolean not null,
    simulated       boolean not null,
    seq             integer not null,
    head            text not null
);
create index dossiers_by_reception on dossiers (received_at);
create index dossiers_open_by_due on dossiers (due_at) where outcome is null;

create table tasks (
    code      text not null,
    id        integer not null,
    step      text not null,
    stage     text not null,
    role      text not null,
    unit      text not null,
    assignee  text,
    opened_at timestamptz not null,
    due_at    timestamptz,
    paused    boolean not null,
    primary key (code, id)
);
create index tasks_by_unit on tasks (unit, role, due_at);
create index tasks_by_assignee on tasks (assignee) where assignee is not null;

create table terms (
    code            text not null,
    id              integer not null,
    "of"            text not null,
    name            text not null,
    "limit"         text not null,
    started_at      timestamptz not null,
    due_at          timestamptz not null,
    original_due_at timestamptz not null,
    generation      integer not null,
    paused          boolean not null,
    primary key (code, id)
);

-- What is to be told to whom; a notice exists once, whatever is retried.

create table notices (
    code       text not null,
    term       integer not null,
    generation integer not null,
    rung       integer not null,
    occurrence integer not null,
    recipient  text not null,
    channel    text not null,
    alarm      text not null,
    name       text not null,
    due_at     timestamptz not null,
    fact       integer not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (code, term, generation, rung, occurrence, recipient, channel)
);

-- Intake: a request id is unique for ever, and its code is given once.

create table code_numbers (
    agency text not null,
    day    date not null,
    last   integer not null,
    primary key (agency, day)
);

create table intakes (
    request_id text primary key,
    code       text not null unique,
    digest     text not null,
    created_at timestamptz not null default clock_timestamp()
);

-- The exact procedures and calendars that dossiers were received under, by fingerprint.

create table rules (
    fingerprint text primary key,
    kind        text  not null check (kind in ('procedure', 'calendar')),
    body        jsonb not null
);

-- Intakes whose first fact is not on record yet; recording it deletes the row, the sweep finishes the rest.

create table pending (
    code       text primary key,
    opening    jsonb not null,
    created_at timestamptz not null default clock_timestamp()
);
create index pending_by_age on pending (created_at);

-- Personal data and free text: erasable, known elsewhere by id and salted hash only.

create table private (
    id         text primary key,
    code       text not null,
    kind       text not null,
    salt       text not null,
    content    jsonb not null,
    created_at timestamptz not null default clock_timestamp()
);
create index private_by_code on private (code);

grant select, insert on facts, notices to motcua_app;
grant select, insert on intakes, rules to motcua_app;
grant select, insert, update on dossiers, code_numbers to motcua_app;
grant select, insert, update, delete on tasks, terms, pending, private to motcua_app;
