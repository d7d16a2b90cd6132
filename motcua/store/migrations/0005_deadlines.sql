-- A drafted apology is found by the unit's leader: since when it waits, why, and the date it proposes. Where
-- the clock of a dossier stands still it is late or not as of when it stopped. And a calendar change may move
-- the start of a term. The read model tells of all three.

alter table dossiers
    add column apology_at          timestamptz,
    add column apology_reason      text,
    add column apology_proposed_at timestamptz,
    add column paused_at           timestamptz;
create index dossiers_by_apology on dossiers (unit, due_at) where apology_at is not null;

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
           x.generation, x.paused
      from jsonb_populate_recordset(null::terms, r -> 'terms') x
    on conflict (code, id) do update set
        started_at = excluded.started_at, due_at = excluded.due_at, generation = excluded.generation,
        paused = excluded.paused
     where (terms.started_at, terms.due_at, terms.generation, terms.paused)
        is distinct from (excluded.started_at, excluded.due_at, excluded.generation, excluded.paused);
end $$;
