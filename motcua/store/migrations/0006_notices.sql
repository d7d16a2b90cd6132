-- What is told stands in two tables. An occasion says in words who is told of what ("the unit's leader"), and the
-- bell of the desk is read from it. A notice is one message to one person that leaves the office, through an
-- outbox, by a workflow of its own. What became of it is a fact like any other: added, never changed. Beside
-- them stand the absences of staff, and how long a term's alarms rest.

create table occasions (
    code       text not null,
    term       integer not null,
    generation integer not null,
    rung       integer not null,
    occurrence integer not null,
    kind       text not null,
    name       text not null,
    at         timestamptz not null,
    tell_at    timestamptz not null,
    "to"       text[] not null,
    by         text[] not null,
    at_once    boolean not null,
    fact       integer not null,
    primary key (code, term, generation, rung, occurrence)
);
create trigger occasions_stay before update or delete on occasions
    for each row execute function refuse_change();
create trigger occasions_are_not_emptied before truncate on occasions
    for each statement execute function refuse_change();
grant select, insert on occasions to motcua_app;

-- Before, notices named words instead of people, all of them for the bell.
insert into occasions
select code, term, generation, rung, occurrence, min(alarm), min(name), due_at, due_at, array_agg(recipient),
       '{}', false, fact
from notices group by code, term, generation, rung, occurrence, due_at, fact;

alter table notices
    add column tell_at     timestamptz,
    add column in_place_of text,
    add column simulated   boolean not null default false,
    add column id          text not null generated always as (
        code || '/' || term::text || '.' || generation::text || '.' || rung::text || '.' || occurrence::text
             || '/' || recipient || '/' || channel) stored;
create unique index notices_by_id on notices (id);
create index notices_by_time on notices (created_at);
create index notices_by_recipient on notices (recipient, channel, created_at);

-- The rounds that are under way, each until its end; the round rises when a notice is sent again.
create table outbox (
    notice     text not null,
    round      integer not null default 0,
    tell_at    timestamptz not null,
    opened_at  timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    given_at   timestamptz,
    failed     integer not null default 0,
    why        text,
    tried_at   timestamptz,
    primary key (notice, round)
);
comment on column outbox.tell_at is 'Office time before which it is not sent; put off while its cause rests.';
comment on column outbox.opened_at is 'For simulated dossiers: the office time at which it was put here.';
comment on column outbox.given_at is 'When Temporal was given it; null as long as that is still to be done.';
create index outbox_to_give on outbox (created_at) where given_at is null;

create table deliveries (
    number  bigint generated always as identity primary key,
    notice  text not null,
    round   integer not null,
    outcome text not null check (outcome in ('sent', 'void', 'passed', 'refused', 'again')),
    why     text not null,
    actor   text,
    at      timestamptz not null default clock_timestamp(),
    unique (notice, round, outcome),
    check ((outcome = 'again') = (actor is not null))
);
comment on table deliveries is 'What became of each round of a notice; of one round there is one end.';
create unique index deliveries_end_once on deliveries (notice, round) where outcome <> 'again';
create index deliveries_by_outcome on deliveries (outcome, number);
create trigger deliveries_stay before update or delete on deliveries
    for each row execute function refuse_change();
create trigger deliveries_are_not_emptied before truncate on deliveries
    for each statement execute function refuse_change();

create table absences (
    number     bigint generated always as identity primary key,
    person     text not null,
    since      date not null,
    until      date not null check (until >= since),
    substitute text check (substitute <> person),
    entered_by text not null,
    entered_at timestamptz not null default clock_timestamp(),
    ended_by   text,
    ended_at   timestamptz
);
create index absences_by_end on absences (until) where ended_at is null;

grant select, insert on deliveries to motcua_app;
grant select, insert, update, delete on outbox to motcua_app;
grant select, insert on absences to motcua_app;
grant update (ended_by, ended_at) on absences to motcua_app;

alter table terms add column rests_until timestamptz, add column rests_by text;

create or replace function append_facts(batch jsonb) returns jsonb language plpgsql as $$
declare
    the_code text    := batch -> 'row' ->> 'code';
    first    integer := (batch -> 'facts' -> 0 ->> 'seq')::integer;
    final    integer := (batch -> 'facts' -> -1 ->> 'seq')::integer;
    held     integer;
    differs  boolean;
    added    jsonb;
begin
    select seq into held from dossiers where code = the_code for update;
    held := coalesce(held, 0);

    if held < first - 1 then
        raise exception 'record of % ends at fact % but the batch begins at %', the_code, held, first
            using errcode = 'MC001';
    end if;

    if held >= first then
        select coalesce(bool_or(f.hash <> b ->> 'hash'), false) or held > final into differs
          from jsonb_array_elements(batch -> 'facts') b
          join facts f on f.code = the_code and f.seq = (b ->> 'seq')::integer;
        if differs then
            return jsonb_build_object('new', '[]'::jsonb, 'stored', (
                select jsonb_agg(to_jsonb(f) - 'recorded_at' - 'code' order by f.seq)
                  from facts f where f.code = the_code and f.seq >= first));
        end if;
    end if;

    with inserted as (
        insert into facts (code, seq, kind, at, actor, unit, command, data, prev_hash, hash)
        select the_code, (b ->> 'seq')::integer, b -> 'event' ->> 'kind', (b ->> 'at')::timestamptz,
               b ->> 'actor', b ->> 'unit', b ->> 'command', (b -> 'event') - 'kind',
               b ->> 'prev_hash', b ->> 'hash'
          from jsonb_array_elements(batch -> 'facts') b
         where (b ->> 'seq')::integer > held
        returning seq)
    select coalesce(jsonb_agg(seq order by seq), '[]'::jsonb) into added from inserted;
    if added = '[]'::jsonb then
        return jsonb_build_object('new', added, 'stored', '[]'::jsonb);
    end if;

    perform set_read_model(batch -> 'row');
    if held = 0 then
        delete from pending where code = the_code;
    end if;

    insert into occasions
    select (jsonb_populate_record(null::occasions, o || jsonb_build_object('code', the_code))).*
      from jsonb_array_elements(batch -> 'occasions') o where (o ->> 'fact')::integer > held
    on conflict do nothing;
    if batch -> 'notices' <> '[]'::jsonb then
        perform add_notices(jsonb_path_query_array(
            batch -> 'notices', '$[*] ? (@.fact > $held)', jsonb_build_object('held', held)));
    end if;

    return jsonb_build_object('new', added, 'stored', '[]'::jsonb);
end $$;

-- Notices that were not there before, put in the outbox with them. `since` is the office time at which those of
-- simulated dossiers start; that of their fact unless it is given.
create function add_notices(given jsonb, since timestamptz default null) returns integer language plpgsql as $$
declare
    fresh integer;
begin
    with inserted as (
        insert into notices (code, term, generation, rung, occurrence, recipient, channel, alarm, name, due_at,
                             fact, tell_at, in_place_of, simulated)
        select n.code, n.term, n.generation, n.rung, n.occurrence, n.recipient, n.channel, n.alarm, n.name,
               n.due_at, n.fact, n.tell_at, n.in_place_of, n.simulated
          from jsonb_populate_recordset(null::notices, given) n
        on conflict do nothing
        returning id, code, fact, tell_at, simulated
    ), put as (
        insert into outbox (notice, tell_at, opened_at)
        select n.id, n.tell_at, case when n.simulated then coalesce(since, f.at) end
          from inserted n left join facts f on f.code = n.code and f.seq = n.fact
        returning notice
    )
    select count(*) from put into fresh;
    if fresh > 0 then
        perform pg_notify('motcua_outbox', '');
    end if;
    return fresh;
end $$;

create or replace function set_read_model(r jsonb) returns void language plpgsql as $$
declare
    the_code text := r ->> 'code';
begin
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
        paused_at = excluded.paused_at, seq = excluded.seq, head = excluded.head;

    delete from tasks t where t.code = the_code
       and not exists (select from jsonb_array_elements(r -> 'tasks') x where (x ->> 'id')::integer = t.id);
    insert into tasks
    select the_code, x.id, x.step, x.stage, x.role, x.unit, x.assignee, x.opened_at, x.due_at, x.paused
      from jsonb_populate_recordset(null::tasks, r -> 'tasks') x
    on conflict (code, id) do update set
        unit = excluded.unit, assignee = excluded.assignee, due_at = excluded.due_at,
        paused = excluded.paused;

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
end $$;
