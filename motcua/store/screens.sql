-- What the pages of the desk read. Beside it, screens.plans.md has the plan of each over a large office.

-- name: inbox_of_unit
-- Open tasks of one unit after a place in the order of urgency. $5: only whose; $6: also what is free for these roles.
-- Words are looked for only where many have them ($13): the limit inside keeps the planner from collecting those first.
select t.code, t.id, t.step, t.stage, t.role, t.unit, t.assignee, t.opened_at, t.due_at, t.paused, t.place, t.urgent_at,
       t.overdue_from, d.procedure, d.version, d.status, d.due_at as dossier_due_at, d.overdue_from as dossier_overdue_from,
       d.paused_at, d.seq,
       p.content ->> 'name' as applicant
from tasks t join dossiers d using (code)
left join lateral (select content, words from private where id = d.applicant limit 1) p on true
where t.unit = $1 and (t.place, t.urgent_at, t.code) > ($2, $3, $4)
  and ($5::text[] is null or t.assignee = any($5) or (t.assignee is null and t.role = any($6::text[])))
  and ($7::smallint is null or t.place = $7) and t.urgent_at >= $8 and ($9::timestamptz is null or t.urgent_at < $9)
  and ($15::boolean is null or (t.overdue_from <= $16) = $15)
  and ($10::text is null or t.step = $10) and ($11::text is null or d.procedure = $11)
  and ($12::text is null or t.code like $12 || '%')
  and ($13::text is null or p.words @@ to_tsquery('simple', $13))
order by t.place, t.urgent_at, t.code limit $14

-- name: inbox_of_person
-- The same for what somebody has, in whichever unit.
select t.code, t.id, t.step, t.stage, t.role, t.unit, t.assignee, t.opened_at, t.due_at, t.paused, t.place, t.urgent_at,
       t.overdue_from, d.procedure, d.version, d.status, d.due_at as dossier_due_at, d.overdue_from as dossier_overdue_from,
       d.paused_at, d.seq,
       p.content ->> 'name' as applicant
from tasks t join dossiers d using (code)
left join lateral (select content, words from private where id = d.applicant limit 1) p on true
where t.assignee = $1 and (t.place, t.urgent_at, t.code) > ($2, $3, $4)
  and $5::text[] is null and $6::text[] is null
  and ($7::smallint is null or t.place = $7) and t.urgent_at >= $8 and ($9::timestamptz is null or t.urgent_at < $9)
  and ($15::boolean is null or (t.overdue_from <= $16) = $15)
  and ($10::text is null or t.step = $10) and ($11::text is null or d.procedure = $11)
  and ($12::text is null or t.code like $12 || '%')
  and ($13::text is null or p.words @@ to_tsquery('simple', $13))
order by t.place, t.urgent_at, t.code limit $14

-- name: inbox_everywhere
-- The same for the whole office.
select t.code, t.id, t.step, t.stage, t.role, t.unit, t.assignee, t.opened_at, t.due_at, t.paused, t.place, t.urgent_at,
       t.overdue_from, d.procedure, d.version, d.status, d.due_at as dossier_due_at, d.overdue_from as dossier_overdue_from,
       d.paused_at, d.seq,
       p.content ->> 'name' as applicant
from tasks t join dossiers d using (code)
left join lateral (select content, words from private where id = d.applicant limit 1) p on true
where $1::text is null and (t.place, t.urgent_at, t.code) > ($2, $3, $4)
  and ($5::text[] is null or t.assignee = any($5) or (t.assignee is null and t.role = any($6::text[])))
  and ($7::smallint is null or t.place = $7) and t.urgent_at >= $8 and ($9::timestamptz is null or t.urgent_at < $9)
  and ($15::boolean is null or (t.overdue_from <= $16) = $15)
  and ($10::text is null or t.step = $10) and ($11::text is null or d.procedure = $11)
  and ($12::text is null or t.code like $12 || '%')
  and ($13::text is null or p.words @@ to_tsquery('simple', $13))
order by t.place, t.urgent_at, t.code limit $14

-- name: inbox_found
-- Open tasks among dossiers that were looked for: $1 are their codes, few enough to read each. $2: only of this unit;
-- the rest as above, $4 and $5 being whose and which roles.
select t.code, t.id, t.step, t.stage, t.role, t.unit, t.assignee, t.opened_at, t.due_at, t.paused, t.place, t.urgent_at,
       t.overdue_from, d.procedure, d.version, d.status, d.due_at as dossier_due_at, d.overdue_from as dossier_overdue_from,
       d.paused_at, d.seq,
       p.content ->> 'name' as applicant
from tasks t join dossiers d using (code) left join private p on p.id = d.applicant
where t.code = any($1) and ($2::text is null or t.unit = $2) and (t.place, t.urgent_at, t.code) > ($6, $7, $8)
  and ($3::text is null or t.assignee = $3)
  and ($4::text[] is null or t.assignee = any($4) or (t.assignee is null and t.role = any($5::text[])))
  and ($9::smallint is null or t.place = $9) and t.urgent_at >= $10 and ($11::timestamptz is null or t.urgent_at < $11)
  and ($15::boolean is null or (t.overdue_from <= $16) = $15)
  and ($12::text is null or t.step = $12) and ($13::text is null or d.procedure = $13)
order by t.place, t.urgent_at, t.code limit $14

-- name: applicants
-- Who has such words in name, telephone or identity number; no more than $2.
select id from private where words @@ to_tsquery('simple', $1) limit $2

-- name: tasks_of_applicants
select t.code from dossiers d join tasks t using (code) where d.applicant = any($1)

-- name: tasks_by_code
select code from tasks where code >= $1 and code < $1 || chr(1114111) limit $2

-- name: inbox_counts
-- How many tasks there are in each state: $4 is now, $5 the end of today, $6 the end of what is soon.
select count(*) filter (where place = 0 and overdue_from <= $4) as late,
       count(*) filter (where place = 0 and overdue_from > $4 and urgent_at < $5) as today,
       count(*) filter (where place = 0 and urgent_at >= $5 and urgent_at < $6) as soon,
       count(*) filter (where place = 0 and urgent_at >= $6) as comfortable,
       count(*) filter (where place = 1) as paused,
       count(*) filter (where place = 2) as waiting
from tasks
where ($1::text is null or unit = $1)
  and ($2::text[] is null or assignee = any($2) or (assignee is null and role = any($3::text[])))

-- name: search
-- Dossiers, open or not, by the beginning of their code; those that came last come first.
select d.code, d.unit, d.procedure, d.version, d.status, d.stage, d.submitted_at, d.due_at, d.paused_at, d.ready_at,
       d.finished_at, d.timeliness, d.outcome, p.content ->> 'name' as applicant
from dossiers d left join private p on p.id = d.applicant
where ($1::text is null or d.unit = $1) and ($2::text is null or d.code >= $2 and d.code < $2 || chr(1114111))
  and (d.submitted_at, d.code) < ($3, $4)
order by d.submitted_at desc, d.code desc limit $5

-- name: search_applicants
-- The same of some applicants, few enough to read each.
select d.code, d.unit, d.procedure, d.version, d.status, d.stage, d.submitted_at, d.due_at, d.paused_at, d.ready_at,
       d.finished_at, d.timeliness, d.outcome, p.content ->> 'name' as applicant
from dossiers d join private p on p.id = d.applicant
where d.applicant = any($2) and ($1::text is null or d.unit = $1) and (d.submitted_at, d.code) < ($3, $4)
order by d.submitted_at desc, d.code desc limit $5

-- name: search_words
-- The same by words that many applicants have: the latest dossiers are read one after another until there are enough.
-- The limit inside keeps the planner from collecting everybody first.
select d.code, d.unit, d.procedure, d.version, d.status, d.stage, d.submitted_at, d.due_at, d.paused_at, d.ready_at,
       d.finished_at, d.timeliness, d.outcome, p.name as applicant
from dossiers d, lateral (
    select content ->> 'name' as name from private
    where id = d.applicant and words @@ to_tsquery('simple', $2) limit 1) p
where ($1::text is null or d.unit = $1) and (d.submitted_at, d.code) < ($3, $4)
order by d.submitted_at desc, d.code desc limit $5

-- name: unmarked
select unmarked($1)

-- name: digits
select digits($1)

-- name: load
-- Open tasks by officer and role, of one unit or all, in each state; times as in inbox_counts.
select unit, assignee, role, count(*) as tasks,
       count(*) filter (where place = 0 and overdue_from <= $2) as late,
       count(*) filter (where place = 0 and overdue_from > $2 and urgent_at < $3) as today,
       count(*) filter (where place = 0 and urgent_at >= $3 and urgent_at < $4) as soon,
       count(*) filter (where place = 1) as paused,
       min(urgent_at) filter (where place = 0) as first
from tasks where ($1::text is null or unit = $1)
group by unit, assignee, role order by unit, assignee nulls first, role

-- name: weeks
-- What came in and what was finished between each of the instants $2 and the next, and what of it was late; each is
-- counted in an index alone.
select since::date as week, came, went, late
from unnest($2::timestamptz[], $3::timestamptz[], $4::date[]) w(since_at, until_at, since),
lateral (select count(*) as came from dossiers
         where submitted_at >= since_at and submitted_at < until_at and ($1::text is null or unit = $1)) c,
lateral (select count(*) as went, count(*) filter (where timeliness = 'overdue') as late from dossiers
         where coalesce(ready_at, finished_at) >= since_at and coalesce(ready_at, finished_at) < until_at
           and ($1::text is null or unit = $1)) e
order by since

-- name: ageing
-- How long the open dossiers have been here at $2, in weeks, and how many of each age are late.
select least(floor(extract(epoch from $2 - d.submitted_at) / 604800)::int, 12) as weeks, count(*) as open,
       count(*) filter (where d.overdue_from <= least(d.paused_at, $2)) as late
from dossiers d where d.outcome is null and d.ready_at is null and ($1::text is null or d.unit = $1)
group by 1 order by 1

-- name: add_filter
insert into filters (person, name, query) values ($1, $2, $3)
on conflict (person, name) do update set query = excluded.query

-- name: filters
select number, name, query from filters where person = $1 order by name

-- name: drop_filter
delete from filters where person = $1 and number = $2
