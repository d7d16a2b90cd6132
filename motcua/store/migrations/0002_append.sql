-- Recording in one round trip: facts, read model and notices of one batch, idempotent by (code, seq).
-- Returns {"new": [seq…], "stored": [fact…]}: what was not there before, and, when other facts already
-- hold these numbers, they and all that follow (the caller then takes them over).

create function append_facts(batch jsonb) returns jsonb language plpgsql as $$
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

    insert into notices (code, term, generation, rung, occurrence, recipient, channel,
                         alarm, name, due_at, fact)
    select n.code, n.term, n.generation, n.rung, n.occurrence, n.recipient, n.channel,
           n.alarm, n.name, n.due_at, n.fact
      from jsonb_populate_recordset(null::notices, batch -> 'notices') n
     where n.fact > held
    on conflict do nothing;

    return jsonb_build_object('new', added, 'stored', '[]'::jsonb);
end $$;

create function set_read_model(r jsonb) returns void language plpgsql as $$
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
        ready_at = excluded.ready_at, finished_at = excluded.finished_at,
        timeliness = excluded.timeliness, outcome = excluded.outcome, paused = excluded.paused,
        seq = excluded.seq, head = excluded.head;

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
           x.generation, x.paused
      from jsonb_populate_recordset(null::terms, r -> 'terms') x
    on conflict (code, id) do update set
        due_at = excluded.due_at, generation = excluded.generation, paused = excluded.paused
     where (terms.due_at, terms.generation, terms.paused)
        is distinct from (excluded.due_at, excluded.generation, excluded.paused);
end $$;
