-- Notices leave the office: each has a moment before which nobody is told, and those for mail and webhooks
-- go through an outbox to a workflow of their own. What became of each is a fact like any other: added,
-- never changed. Beside it stand the absences of staff, and how long a term's alarms rest.

alter table notices
    add column tell_at     timestamptz,
    add column told_as     text,
    add column in_place_of text,
    add column simulated   boolean not null default false,
    add column id          text not null generated always as (
        code || '/' || term::text || '.' || generation::text || '.' || rung::text || '.' || occurrence::text
             || '/' || recipient || '/' || channel) stored;
create unique index notices_by_id on notices (id);
create index notices_by_time on notices (created_at);
create index notices_by_recipient on notices (recipient, channel, created_at);

-- What has still to be handed to Temporal; the round rises when somebody has a notice sent again.
create table outbox (
    notice     text not null,
    round      integer not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    primary key (notice, round)
);

create table deliveries (
    number  bigint generated always as identity primary key,
    notice  text not null,
    round   integer not null,
    outcome text not null check (outcome in ('sent', 'void', 'refused', 'again')),
    why     text not null,
    actor   text,
    at      timestamptz not null default clock_timestamp(),
    unique (notice, round, outcome),
    check ((outcome = 'again') = (actor is not null))
);
comment on table deliveries is 'What became of each round of a notice; of one round there is one end.';
create unique index deliveries_end_once on deliveries (notice, round) where outcome <> 'again';
create index deliveries_by_time on deliveries (at);
create trigger deliveries_stay before update or delete on deliveries
    for each row execute function refuse_change();
create trigger deliveries_are_not_emptied before truncate on deliveries
    for each statement execute function refuse_change();

-- Those under way that have failed so far, for people to see; gone when they end.
create table attempts (
    notice text primary key,
    round  integer not null,
    failed integer not null,
    why    text not null,
    at     timestamptz not null default clock_timestamp()
);

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
grant select, insert, update, delete on outbox to motcua_app; -- update: to lock rows
grant select, insert, update, delete on attempts to motcua_app;
grant select, insert on absences to motcua_app;
grant update (ended_by, ended_at) on absences to motcua_app;

alter table terms add column rests_until timestamptz, add column rests_by text;

-- Why a notice is not needed any more; null while it is. Its cause is gone, or rests, or is another's.
create function notice_is_void(n notices) returns text language sql stable as $$
    select case
        when n.rung >= 0 then (
            select case
                when t.id is null or t.generation <> n.generation then 'resolved'
                when t.paused then 'paused'
                when t.rests_until > n.tell_at then 'acknowledged'
                when n.told_as = 'assignee' and not exists (
                    select from tasks k where k.code = n.code
                       and k.assignee = coalesce(n.in_place_of, n.recipient)) then 'reassigned'
            end
            from (select n.code, n.term) key left join terms t on t.code = key.code and t.id = key.term)
        when n.alarm = 'supplement-requested' and not exists (
            select from terms t where t.code = n.code and t.id = n.term) then 'answered'
        when n.alarm = 'apology-drafted' and not exists (
            select from dossiers d where d.code = n.code and d.apology_at is not null) then 'decided'
        when n.alarm = 'stopped' and not exists (
            select from dossiers d where d.code = n.code and d.status = 'stopped') then 'resumed'
        when n.alarm = 'ready' and exists (
            select from dossiers d where d.code = n.code and d.outcome is not null) then 'returned'
        when n.alarm = 'ready' and exists (
            select from dossiers d where d.code = n.code and d.ready_at is null) then 'corrected'
    end
$$;

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

    if batch -> 'notices' <> '[]'::jsonb then
        perform add_notices(jsonb_path_query_array(
            batch -> 'notices', '$[*] ? (@.fact > $held)', jsonb_build_object('held', held)));
    end if;

    return jsonb_build_object('new', added, 'stored', '[]'::jsonb);
end $$;

-- Notices that were not there before; those that leave the office are put in the outbox with them.
create function add_notices(given jsonb) returns integer language plpgsql as $$
declare
    leaving integer;
    fresh   integer;
begin
    with inserted as (
        insert into notices (code, term, generation, rung, occurrence, recipient, channel, alarm, name, due_at,
                             fact, tell_at, told_as, in_place_of, simulated)
        select n.code, n.term, n.generation, n.rung, n.occurrence, n.recipient, n.channel, n.alarm, n.name,
               n.due_at, n.fact, n.tell_at, n.told_as, n.in_place_of, n.simulated
          from jsonb_populate_recordset(null::notices, given) n
        on conflict do nothing
        returning id, channel
    ), put as (
        insert into outbox (notice) select id from inserted where channel <> 'desk' returning notice
    )
    select (select count(*) from inserted), (select count(*) from put) into fresh, leaving;
    if leaving > 0 then
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
