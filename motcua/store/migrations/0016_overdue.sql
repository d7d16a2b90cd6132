-- When a dossier, a term or a task is overdue comes from the rules (models/timeliness.py), as a moment: by the procedure's
-- measure the end of the office day of its due instant, or the moment after the instant itself.

alter table dossiers add column overdue_from timestamptz;
alter table terms add column overdue_from timestamptz;
alter table tasks add column overdue_from timestamptz;
comment on column dossiers.overdue_from is 'The first instant at which it is overdue, unless its clock stands still by then.';
comment on column tasks.overdue_from is 'When its own term or its dossier''s is overdue first; null once the result is ready.';

update dossiers d
   set overdue_from = case r.body ->> 'timeliness'
           when 'instant' then d.due_at + interval '1 microsecond'
           else ((d.due_at at time zone (c.body ->> 'zone'))::date + 1)::timestamp at time zone (c.body ->> 'zone') end
  from facts f
  join rules r on r.fingerprint = f.data ->> 'rules'
  join rules c on c.fingerprint = f.data ->> 'calendar'
 where (f.code, f.seq) = (d.code, 1) and d.due_at is not null;
update terms t
   set overdue_from = case t."of" when 'dossier' then d.overdue_from else t.due_at + interval '1 microsecond' end
  from dossiers d where d.code = t.code;
update tasks t set overdue_from = least(t.due_at + interval '1 microsecond', d.overdue_from)
  from dossiers d where d.code = t.code and d.ready_at is null;

drop index dossiers_under_way;
create index dossiers_under_way on dossiers (unit, submitted_at) include (overdue_from, paused_at, outcome, ready_at)
    where outcome is null and ready_at is null;

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
        received_at = excluded.received_at, due_at = excluded.due_at, overdue_from = excluded.overdue_from,
        original_due_at = excluded.original_due_at, promised_at = excluded.promised_at,
        apology_at = excluded.apology_at, apology_reason = excluded.apology_reason,
        apology_proposed_at = excluded.apology_proposed_at,
        ready_at = excluded.ready_at, finished_at = excluded.finished_at,
        timeliness = excluded.timeliness, outcome = excluded.outcome, paused = excluded.paused,
        paused_at = excluded.paused_at, applicant = excluded.applicant,
        seq = excluded.seq, head = excluded.head;

    delete from tasks t where t.code = the_code
       and not exists (select from jsonb_array_elements(r -> 'tasks') x where (x ->> 'id')::integer = t.id);
    insert into tasks (code, id, step, stage, role, unit, assignee, opened_at, due_at, overdue_from, paused,
                       place, urgent_at)
    select the_code, x.id, x.step, x.stage, x.role, x.unit, x.assignee, x.opened_at, x.due_at, x.overdue_from, x.paused,
           place(x.paused, u.at), u.at
      from jsonb_populate_recordset(null::tasks, r -> 'tasks') x,
           urgent_at(x.due_at, (r ->> 'due_at')::timestamptz, (r ->> 'ready_at')::timestamptz) u(at)
    on conflict (code, id) do update set
        unit = excluded.unit, assignee = excluded.assignee, due_at = excluded.due_at,
        overdue_from = excluded.overdue_from, paused = excluded.paused, place = excluded.place,
        urgent_at = excluded.urgent_at;

    delete from terms t where t.code = the_code
       and not exists (select from jsonb_array_elements(r -> 'terms') x where (x ->> 'id')::integer = t.id);
    insert into terms (code, id, "of", name, "limit", started_at, due_at, overdue_from, original_due_at,
                       generation, paused, rests_until, rests_by)
    select the_code, x.id, x."of", x.name, x."limit", x.started_at, x.due_at, x.overdue_from, x.original_due_at,
           x.generation, x.paused, x.rests_until, x.rests_by
      from jsonb_populate_recordset(null::terms, r -> 'terms') x
    on conflict (code, id) do update set
        started_at = excluded.started_at, due_at = excluded.due_at, overdue_from = excluded.overdue_from,
        generation = excluded.generation, paused = excluded.paused, rests_until = excluded.rests_until,
        rests_by = excluded.rests_by
     where (terms.started_at, terms.due_at, terms.overdue_from, terms.generation, terms.paused, terms.rests_until,
            terms.rests_by)
        is distinct from (excluded.started_at, excluded.due_at, excluded.overdue_from, excluded.generation,
                          excluded.paused, excluded.rests_until, excluded.rests_by);

    perform pg_notify('motcua_desk', concat_ws(' ', the_code, r ->> 'seq', r ->> 'unit', nullif(was, r ->> 'unit')));
end $$;
