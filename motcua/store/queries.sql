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
-- Returns what is kept: a command that is sent again finds its first salt. Only inserted rows have no xmax.
insert into private (id, code, kind, salt, content)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[])
on conflict (id) do update set id = excluded.id
returning id, salt, content, xmax = 0 as fresh

-- name: add_rules
insert into rules (fingerprint, kind, body) values ($1, $2, $3::jsonb) on conflict do nothing

-- name: all_rules
select fingerprint, kind, body from rules order by fingerprint

-- name: rules
select kind, body from rules where fingerprint = $1

-- name: private
select id, kind, content from private where code = $1

-- name: register
-- $1, $2: the period of reception as instants, [from, to); $3: the unit that received them, or null. A linked dossier's applicant is
-- kept with the one that asked for it, so the row is found by its id.
select d.code, a.unit, d.field, r.body ->> 'name' as procedure,
       exists (select from facts l where l.code = d.code and l.kind = 'linked-to') as linked,
       d.received_at, coalesce(d.promised_at, d.due_at) as due_at, d.original_due_at, d.outcome, d.finished_at, a.actor as receiver, d.simulated,
       p.content as applicant
from dossiers d
join facts f on f.code = d.code and f.seq = 1
join facts a on a.code = d.code and a.kind = 'accepted'
join rules r on r.fingerprint = f.data ->> 'rules'
left join private p on p.id = f.data -> 'applicant' ->> 'id'
where d.received_at >= $1 and d.received_at < $2 and ($3::text is null or a.unit = $3)
order by a.unit, d.received_at, d.code

-- name: private_row
select content from private where id = $1

-- name: keep_file
-- The row that says what it is has been found to be the same: so is the file.
insert into files (id, content) values ($1, $2) on conflict do nothing

-- name: file
select content from files where id = $1

-- name: track_key
-- What the receipt's QR code adds to the dossier's code. It is gone with the row whose salt it is made of.
select left(encode(sha256(convert_to(p.salt || '/track/' || d.code, 'UTF8')), 'hex'), 16)
from dossiers d join private p on p.id = d.applicant where d.code = $1

-- name: drop_private
-- What a fact of that command refers to stays.
delete from private p where p.id = any($3::text[])
   and not exists (select from facts f where f.code = $1 and f.command = $2
                   and jsonb_path_exists(f.data, '$.**.id ? (@ == $id)', jsonb_build_object('id', p.id)))

-- name: dossier
select to_jsonb(d) || jsonb_build_object(
    'tasks', (select coalesce(jsonb_agg(to_jsonb(t) - '{code,place,urgent_at}'::text[] order by t.id), '[]') from tasks t where t.code = $1),
    'terms', (select coalesce(jsonb_agg(to_jsonb(t) - '{code,alarmed_at,alarm_to}'::text[] order by t.id), '[]') from terms t where t.code = $1))
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

-- name: simulated_until
-- The moment of the last fact where every dossier is simulated; null in any other office.
select case when not exists (select from dossiers where not simulated) then (select max(at) from facts) end

-- name: latest
select code from dossiers where outcome is not null order by finished_at desc limit 1

-- name: results
select ready_at, due_at from dossiers where ready_at is not null

-- name: deviations
select data ->> 'deviation' as kind, count(*) as count from facts
where kind = 'observed' and data ->> 'deviation' is not null group by 1 order by 1

-- name: counts
select (select count(*) from dossiers) as dossiers, (select count(*) from facts) as facts,
       (select count(*) from occasions where "to" <> '{applicant}') as alarms,
       (select count(*) from notices) as notices,
       (select count(*) from facts where kind = 'rung-reached') as rungs

-- name: tasks
select t.code, t.id, t.step, t.stage, t.role, t.unit, t.assignee, t.opened_at, t.due_at, t.overdue_from, t.paused,
       d.procedure, d.status, d.due_at as dossier_due_at
from tasks t join dossiers d using (code)
where ($1::text is null or t.unit = $1)
  and ($2::text is null or t.role = $2)
  and ($3::text is null or t.assignee = $3 or (t.assignee is null and t.role = any($4::text[])
       and ($5::text is null or t.unit = $5)))
  and ($6::timestamptz is null or t.overdue_from <= case when t.paused then d.paused_at else $6 end)
order by coalesce(t.due_at, d.due_at) nulls last, t.code
limit $7

-- name: unclosed_codes
select code from dossiers where stage <> 'closed' order by code

-- name: task_holders
select t.assignee, t.role, t.unit from tasks t join dossiers d using (code)
where t.assignee is not null and not d.simulated group by 1, 2, 3 order by 1, 2, 3

-- name: tasks_held
select t.code, t.id, d.seq from tasks t join dossiers d using (code)
where t.assignee = $1 and t.role = $2 and t.unit = $3 and not d.simulated order by t.code

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
       count(*) filter (where not solved and overdue_from > least(paused_at, $3)) as open_in_time,
       count(*) filter (where not solved and overdue_from <= least(paused_at, $3)) as open_overdue
from marked group by grp order by grp

-- name: outbox
select o.notice, o.round, o.tell_at, o.opened_at from outbox o
where o.given_at is null order by o.created_at limit $1 for update skip locked

-- name: outbox_done
update outbox o set given_at = clock_timestamp()
from unnest($1::text[], $2::integer[]) given(notice, round) where (o.notice, o.round) = (given.notice, given.round)

-- name: outbox_backlog
select count(*)::int as count,
       coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as age
from outbox where given_at is null

-- name: outbox_lost
-- Those that Temporal should have told long ago; it is asked again whether it has them.
update outbox set given_at = null
where given_at < clock_timestamp() - $1::interval and tell_at < clock_timestamp() - $1::interval

-- name: add_notices
select add_notices($1::jsonb, $2)

-- name: notice
-- What is told; how it stands with its cause at $3, office time; and the end of this round, if there is one.
select n.*, o."to", o.by, o.at_once, o.kind, d.outcome as ended, b.tell_at as meant_for,
       case
           when n.rung >= 0 then case
               when t.id is null or t.generation <> n.generation then 'resolved'
               when exists (  -- of what lies behind, only the highest is told
                   select from notices m
                   where m.code = n.code and m.term = n.term and m.generation = n.generation and m.rung >= 0
                     and m.recipient = n.recipient and m.channel = n.channel
                     and m.fact > n.fact and m.tell_at <= $3
                     and not exists (select from deliveries x
                                     where x.notice = m.id and x.outcome in ('void', 'passed'))
               ) then 'superseded' end
           when n.alarm = 'supplement-requested' then case when t.id is null then 'answered' end
           when n.alarm = 'apology-drafted' then case when h.apology_at is null then 'decided' end
           when n.alarm = 'task-freed' then case when not exists (
                   select from facts f join tasks k on k.code = f.code and k.id = (f.data ->> 'task')::integer
                   where f.code = n.code and f.seq = n.fact and k.assignee is null) then 'taken' end
           when n.alarm = 'stopped' then case when h.status <> 'stopped' then 'resumed' end
           when n.alarm = 'ready' then case when h.outcome is not null then 'returned'
                                            when h.ready_at is null then 'corrected' end
       end as gone,
       n.rung >= 0 and t.paused as paused, case when n.rung >= 0 then t.rests_until end as rests_until,
       array(select m.recipient from notices m
             where (m.code, m.term, m.generation, m.rung, m.occurrence)
                 = (n.code, n.term, n.generation, n.rung, n.occurrence)
               and (select x.outcome from deliveries x where x.notice = m.id order by x.number desc limit 1)
                   is distinct from 'passed') as told
from notices n
     left join outbox b on b.notice = n.id and b.round = $2
     left join occasions o using (code, term, generation, rung, occurrence)
     left join dossiers h on h.code = n.code
     left join terms t on t.code = n.code and t.id = n.term
     left join deliveries d on d.notice = n.id and d.round = $2 and d.outcome <> 'again'
where n.id = $1

-- name: delivery_end
with over as (delete from outbox where notice = $1 and round = $2)
insert into deliveries (notice, round, outcome, why) values ($1, $2, $3, $4) on conflict do nothing
returning outcome

-- name: delivery_ended
select outcome from deliveries where notice = $1 and round = $2 and outcome <> 'again'

-- name: delivery_failed
update outbox set failed = failed + 1, why = $3, tried_at = clock_timestamp()
where notice = $1 and round = $2

-- name: delivery_put_off
update outbox set tell_at = $3, why = $4 where notice = $1 and round = $2

-- name: delivery_again
-- $3 is the end after which it is sent again, $4 the office time for simulated dossiers.
with last as (
    select round, outcome from deliveries where notice = $1 order by number desc limit 1
), again as (
    insert into deliveries (notice, round, outcome, why, actor)
    select $1, round + 1, 'again', '', $2 from last where outcome = $3
    on conflict do nothing returning round
), put as (
    insert into outbox (notice, round, tell_at, opened_at)
    select n.id, again.round, coalesce($4, n.tell_at),
           case when n.simulated then coalesce($4, (select at from facts f where f.code = n.code and f.seq = n.fact)) end
    from again join notices n on n.id = $1
)
select round from again

-- name: notices
with found as (
    (select n.* from notices n
     where $4::text is null and ($1::text is null or n.code = $1) and ($2::text is null or n.recipient = $2)
       and ($3::text is null or n.channel = $3)
     order by n.created_at desc, n.id limit $5)
    union all
    select n.* from outbox o join notices n on n.id = o.notice
    where $4 in ('waiting', 'sending', 'trying', 'again')
    union all
    -- What was sent or is void stays so; the others may have gone out again since.
    (select n.* from deliveries d join notices n on n.id = d.notice
     where $4 in ('sent', 'void', 'passed', 'refused') and d.outcome = $4
       and ($1::text is null or n.code = $1) and ($2::text is null or n.recipient = $2)
       and ($3::text is null or n.channel = $3)
     order by d.number desc limit case when $4 in ('sent', 'void') then $5 end)
    union all
    select n.* from notices n where $4 = 'shown' and n.tell_at is null
), listed as (
    select n.id, n.code, n.alarm, n.name, n.recipient, n.in_place_of, n.channel, n.due_at,
           coalesce(o.tell_at, n.tell_at) as tell_at, n.created_at,
           case when o.tell_at > clock_timestamp() and not n.simulated then 'waiting'
                when o.failed > 0 then 'trying'
                when o.round > 0 then 'again'
                when o.notice is not null then 'sending'
                when d.outcome is not null then d.outcome
                else 'shown' end as state,
           coalesce(o.tried_at, d.at) as at, coalesce(o.failed, 0) as failed, coalesce(o.why, nullif(d.why, '')) as why
    from found n
         left join outbox o on o.notice = n.id
         left join lateral (select * from deliveries d where d.notice = n.id order by number desc limit 1) d
                on true
)
select distinct on (created_at, id) * from listed
where ($1::text is null or code = $1) and ($2::text is null or recipient = $2)
  and ($3::text is null or channel = $3) and ($4::text is null or state = $4)
order by created_at desc, id limit $5

-- name: alarmed_for_some
-- Running terms of a unit or all with an alarm to be told by $8, the last alarmed first, after a place in that order: of
-- dossiers that one of $6 holds, or where one was for one of the words $7. For whom few are; they are collected first.
select t.code, t.id, t.alarmed_at from terms t join dossiers d using (code),
lateral (select from occasions o where (o.code, o.term, o.generation) = (t.code, t.id, t.generation) and o.rung >= 0
            and (d.simulated or o.tell_at <= $8) limit 1) o
where t.alarmed_at is not null and not t.paused and ($1::text is null or d.unit = $1)
  and (t.alarmed_at, t.code, t.id) < ($2, $3, $4)
  and t.code in (select code from tasks where assignee = any($6::text[])
                 union select code from terms where alarm_to && $7::text[])
order by t.alarmed_at desc, t.code desc, t.id desc limit $5

-- name: alarmed_for_leaders
-- The same, or from one of the units $9. For whom many are; they are met soon in the order of the last alarm. The limit
-- inside keeps the planner from looking at every alarm first.
select t.code, t.id, t.alarmed_at from terms t join dossiers d using (code),
lateral (select from occasions o where (o.code, o.term, o.generation) = (t.code, t.id, t.generation) and o.rung >= 0
            and (d.simulated or o.tell_at <= $8)
            and (o."to" && $7::text[] or d.unit = any($9::text[])
                 or exists (select from tasks k where k.code = t.code and k.assignee = any($6::text[]))) limit 1) o
where t.alarmed_at is not null and not t.paused and ($1::text is null or d.unit = $1)
  and (t.alarmed_at, t.code, t.id) < ($2, $3, $4)
  and (t.alarm_to && $7::text[] or cardinality($9::text[]) > 0 and d.unit = any($9::text[])
       or exists (select from tasks k where k.code = t.code and k.assignee = any($6::text[])))
order by t.alarmed_at desc, t.code desc, t.id desc limit $5

-- name: bell
-- What is still so by $3: the alarms of these terms, the latest $6 drafts that nobody has decided on, and the latest $6
-- tasks that were freed and that nobody has taken: of unit $4, or all, as far as it is one of $5.
with causes as (
    select o.*, t.rests_until, t.overdue_from from unnest($1::text[], $2::integer[]) x(code, id),
    lateral (select * from terms where code = x.code and id = x.id limit 1) t
    join occasions o on (o.code, o.term, o.generation) = (t.code, t.id, t.generation) and o.rung >= 0
    union all
    select o.*, null, null from (
        select code from dossiers
        where apology_at is not null and unit = any($5::text[]) and ($4::text is null or unit = $4)
        order by apology_at desc limit $6) d
    join occasions o on o.code = d.code and o.kind = 'apology-drafted'
    union all
    select * from (
        select o.*, null::timestamptz, null::timestamptz from occasions o
        join facts f on f.code = o.code and f.seq = o.fact
        join tasks k on k.code = o.code and k.id = (f.data ->> 'task')::integer and k.assignee is null
        where o.kind = 'task-freed' and k.unit = any($5::text[]) and ($4::text is null or k.unit = $4)
        order by o.tell_at desc limit $6) freed
)
select c.code, c.term, c.generation, c.rung, c.occurrence,
       case when c.kind in ('reminder', 'due') and c.overdue_from <= $3 then 'overdue' else c.kind end as alarm,
       c.name, c.at as due_at, c.tell_at, c."to", d.unit, d.procedure, d.status, d.due_at as dossier_due_at,
       (select k.assignee from tasks k where k.code = c.code order by k.id limit 1) as assignee
from causes c join dossiers d using (code)
where case when d.simulated then c.rests_until is null or c.rests_until <= c.tell_at
           else c.tell_at <= $3 and (c.rests_until is null or c.rests_until <= $3) end
order by c.tell_at desc, c.fact desc, c.code

-- name: urgent
select t.code, d.procedure, d.version, t.step, t.role, t.unit, t.assignee, t.due_at, t.overdue_from,
       d.due_at as dossier_due_at, d.overdue_from as dossier_overdue_from
from tasks t join dossiers d using (code)
where least(t.due_at, d.due_at) < $1 and d.ready_at is null and not d.paused and not d.simulated
order by least(t.due_at, d.due_at), t.code

-- name: absences
select number, person, since, until, substitute, entered_by, entered_at from absences
where until >= $1 and ended_at is null order by number

-- name: add_absence
-- The same again, as by a double click, is the one that was entered last.
with latest as (
    select number, since, until, substitute from absences where person = $1 and ended_at is null
    order by number desc limit 1
), there as (
    select number from latest where (since, until) = ($2, $3) and substitute is not distinct from $4
), entered as (
    insert into absences (person, since, until, substitute, entered_by)
    select $1, $2, $3, $4, $5 where not exists (select from there)
    returning number
)
select number from there union all select number from entered

-- name: lock_person
select pg_advisory_xact_lock(hashtextextended('absences of ' || $1, 0))

-- name: end_absence
update absences set ended_by = $2, ended_at = clock_timestamp() where number = $1 and ended_at is null
returning person

-- name: procedure_of
select r.body from facts f join rules r on r.fingerprint = f.data ->> 'rules'
where f.code = $1 and f.seq = 1
