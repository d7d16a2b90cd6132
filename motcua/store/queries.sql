-- Each query has a name; motcua/store/sql.py reads them.

-- name: append
select append_facts($1::jsonb)

-- name: take_in
select code, fresh, digest from take_in_under($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb)

-- name: pending
select code from pending
where created_at < clock_timestamp() - make_interval(secs => $1)
order by created_at limit $2

-- name: pending_of
select opening from pending where code = $1

-- name: keep_private
-- Returns what is kept: a command that is sent again finds its first salt.
insert into private (id, code, kind, salt, content)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[])
on conflict (id) do update set id = excluded.id
returning id, salt, content

-- name: add_rules
insert into rules (fingerprint, kind, body) values ($1, $2, $3::jsonb) on conflict do nothing

-- name: all_rules
select fingerprint, kind, body from rules order by fingerprint

-- name: rules
select kind, body from rules where fingerprint = $1

-- name: private
select id, kind, content from private where code = $1

-- name: register
-- $1, $2: the period of reception as instants, [from, to); $3: a unit or null. A linked dossier's applicant is
-- kept with the one that asked for it, so the row is found by its id.
select d.code, d.unit, d.field, r.body ->> 'name' as procedure,
       exists (select from facts l where l.code = d.code and l.kind = 'linked-to') as linked,
       d.received_at, d.due_at, d.outcome, d.finished_at, a.actor as receiver, d.simulated,
       p.content as applicant
from dossiers d
join facts f on f.code = d.code and f.seq = 1
join facts a on a.code = d.code and a.kind = 'accepted'
join rules r on r.fingerprint = f.data ->> 'rules'
left join private p on p.id = f.data -> 'applicant' ->> 'id'
where d.received_at >= $1 and d.received_at < $2 and ($3::text is null or d.unit = $3)
order by d.received_at, d.code

-- name: private_row
select content from private where id = $1

-- name: drop_private
delete from private where id = any($3::text[])
   and not exists (select from facts where code = $1 and command = $2)

-- name: dossier
select to_jsonb(d) || jsonb_build_object(
    'tasks', (select coalesce(jsonb_agg(to_jsonb(t) - 'code' order by t.id), '[]') from tasks t where t.code = $1),
    'terms', (select coalesce(jsonb_agg(to_jsonb(t) - 'code' order by t.id), '[]') from terms t where t.code = $1))
from dossiers d where d.code = $1

-- name: facts
select * from facts where code = $1 order by seq

-- name: facts_of
select code, seq, kind, at, actor, unit, command, data, prev_hash, hash from facts
where code = any($1::text[]) order by code collate "C", seq

-- name: calendar_acts
select number, change, act, actor, ordered, at from calendar_acts order by number

-- name: add_calendar_act
select add_calendar_act($1, $2, $3, $4::jsonb, $5::jsonb)

-- name: dossiers_without
select code from dossiers_without($1, $2) code order by code collate "C"

-- name: intakes_without
select code from pending
where contains_change(opening -> 'dossier' -> 'calendar' ->> 'version', $1) = $2 order by created_at

-- name: open_dossiers
select count(*) from dossiers where outcome is null

-- name: amendments
select count(*) as amended, count(*) filter (where jsonb_array_length(f.data -> 'moves') > 0) as moved
from unnest($1::text[]) c(code)
join facts f on f.code = c.code and f.command = $2 || c.code and f.kind = 'calendar-amended'

-- name: amended_so_far
select count(*) from facts where kind = 'calendar-amended' and starts_with(command, $1)

-- name: all_facts
select code, seq, kind, at, actor, unit, command, data, prev_hash, hash from facts
order by code collate "C", seq

-- name: heads
select code, seq, head from dossiers order by code collate "C"

-- name: span
select min(received_at) as first, (select max(at) from facts) as last from dossiers

-- name: latest
select code from dossiers where outcome is not null order by finished_at desc limit 1

-- name: results
select ready_at, due_at from dossiers where ready_at is not null

-- name: deviations
select data ->> 'deviation' as kind, count(*) as count from facts
where kind = 'observed' and data ->> 'deviation' is not null group by 1 order by 1

-- name: counts
select (select count(*) from dossiers) as dossiers, (select count(*) from facts) as facts,
       (select count(*) from notices) as notices,
       (select count(*) from facts where kind = 'rung-reached') as rungs

-- name: tasks
select t.code, t.id, t.step, t.stage, t.role, t.unit, t.assignee, t.opened_at, t.due_at, t.paused,
       d.procedure, d.status, d.due_at as dossier_due_at
from tasks t join dossiers d using (code)
where ($1::text is null or t.unit = $1)
  and ($2::text is null or t.role = $2)
  and ($3::text is null or t.assignee = $3 or (t.assignee is null and t.role = any($4::text[])
       and ($5::text is null or t.unit = $5)))
  and ($6::timestamptz is null or (not t.paused and coalesce(t.due_at, d.due_at) < $6))
order by coalesce(t.due_at, d.due_at) nulls last, t.code
limit $7

-- name: open_codes
select code from dossiers
where outcome is null and ready_at is null and ($1::text is null or unit = $1) order by code

-- name: open_by_unit
select unit, count(*) as open from dossiers where outcome is null and ready_at is null group by unit

-- name: apologies
select d.code, d.procedure, d.unit, d.status, d.due_at, d.original_due_at,
       d.apology_at, d.apology_reason, d.apology_proposed_at, t.step, t.assignee
from dossiers d left join tasks t using (code)
where d.apology_at is not null and ($1::text is null or d.unit = $1)
order by d.due_at, d.code
limit $2

-- name: progress
select i.code, array_agg(distinct f.command) filter (where f.command is not null) as commands
from intakes i left join facts f using (code) where i.request_id = $1 group by i.code

-- name: report
-- $1, $2: the period as instants, [from, to); $3: the moment the report speaks of; $4: group by
with base as (
    select d.*, case $4 when 'field' then d.field when 'unit' then d.unit
                        when 'procedure' then d.procedure else '' end as grp,
           coalesce(d.ready_at, d.finished_at) as done_at
    from dossiers d
    where d.received_at is not null and d.received_at < $2
), marked as (
    select *, done_at is not null and done_at < $2 as solved,
           received_at >= $1 as fresh
    from base
    where received_at >= $1 or done_at is null or done_at >= $1
)
select grp,
       count(*) as received,
       count(*) filter (where fresh and channel = 'online') as online,
       count(*) filter (where fresh and channel <> 'online') as direct,
       count(*) filter (where not fresh) as carried_over,
       count(*) filter (where solved) as solved,
       count(*) filter (where solved and timeliness = 'early') as early,
       count(*) filter (where solved and timeliness = 'on_time') as on_time,
       count(*) filter (where solved and timeliness = 'overdue') as overdue,
       count(*) filter (where not solved) as open,
       count(*) filter (where not solved and due_at >= coalesce(paused_at, $3)) as open_in_time,
       count(*) filter (where not solved and due_at < coalesce(paused_at, $3)) as open_overdue
from marked group by grp order by grp

-- name: outbox
-- For simulated dossiers: the office time at which the notice came about.
select o.notice, o.round, coalesce(n.tell_at, n.due_at) as tell_at,
       case when n.simulated then f.at end as opened_at
from outbox o join notices n on n.id = o.notice
     left join facts f on f.code = n.code and f.seq = n.fact
order by o.created_at limit $1 for update of o skip locked

-- name: outbox_done
delete from outbox o using unnest($1::text[], $2::integer[]) done(notice, round)
where o.notice = done.notice and o.round = done.round

-- name: outbox_backlog
select count(*) as count,
       coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as age from outbox

-- name: add_notices
select add_notices($1::jsonb)

-- name: notice
select n.*, notice_is_void(n) as void, d.outcome as ended
from notices n left join deliveries d on d.notice = n.id and d.round = $2 and d.outcome <> 'again'
where n.id = $1

-- name: delivery_end
with over as (delete from attempts where notice = $1)
insert into deliveries (notice, round, outcome, why) values ($1, $2, $3, $4) on conflict do nothing

-- name: delivery_failed
insert into attempts (notice, round, failed, why) values ($1, $2, 1, $3)
on conflict (notice) do update set round = excluded.round, failed = attempts.failed + 1, why = excluded.why,
                                   at = excluded.at

-- name: delivery_again
with last as (
    select round, outcome from deliveries where notice = $1 order by number desc limit 1
), again as (
    insert into deliveries (notice, round, outcome, why, actor)
    select $1, round + 1, 'again', '', $2 from last where outcome = 'refused'
    on conflict do nothing returning round
), put as (
    insert into outbox (notice, round) select $1, round from again
)
select round from again

-- name: notices
with listed as (
    select n.id, n.code, n.alarm, n.name, n.recipient, n.in_place_of, n.channel, n.due_at, n.tell_at,
           n.created_at,
           case when d.outcome is not null and d.outcome <> 'again' then d.outcome
                when a.notice is not null then 'trying'
                when d.outcome is not null then 'again'
                when n.channel = 'desk' then case when notice_is_void(n) is null then 'shown' else 'void' end
                when n.tell_at > clock_timestamp() and not n.simulated then 'waiting'
                else 'sending' end as state,
           coalesce(d.at, a.at) as at, coalesce(a.failed, 0) as failed,
           coalesce(nullif(d.why, ''), a.why, case when n.channel = 'desk' then notice_is_void(n) end) as why
    from (select * from notices
          where ($1::text is null or code = $1) and ($2::text is null or recipient = $2)
            and ($3::text is null or channel = $3)
          order by created_at desc, id limit case when $4::text is null then $5::bigint end) n
         left join lateral (select * from deliveries d where d.notice = n.id order by number desc limit 1) d
                on true
         left join attempts a on a.notice = n.id
)
select * from listed where ($4::text is null or state = $4) order by created_at desc, id limit $5

-- name: bell
select n.id, n.code, n.alarm, n.name, n.in_place_of, n.due_at, n.tell_at, d.procedure, d.status,
       d.due_at as dossier_due_at
from notices n left join dossiers d using (code)
where n.recipient = $1 and n.channel = 'desk' and (n.simulated or n.tell_at <= clock_timestamp())
  and notice_is_void(n) is null
order by n.created_at desc, n.id limit $2

-- name: urgent
select t.code, d.procedure, d.version, t.step, t.role, t.unit, t.assignee, least(t.due_at, d.due_at) as due_at
from tasks t join dossiers d using (code)
where least(t.due_at, d.due_at) < $1 and d.ready_at is null and not d.paused and not d.simulated
order by 8, t.code

-- name: absences
select number, person, since, until, substitute, entered_by, entered_at from absences
where until >= $1 and ended_at is null order by number

-- name: add_absence
insert into absences (person, since, until, substitute, entered_by) values ($1, $2, $3, $4, $5)
returning number

-- name: end_absence
update absences set ended_by = $2, ended_at = clock_timestamp() where number = $1 and ended_at is null
returning person

-- name: procedure_of
select r.body from facts f join rules r on r.fingerprint = f.data ->> 'rules'
where f.code = $1 and f.seq = 1
