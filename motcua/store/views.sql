-- name: saw
select saw($1, $2, $3, $4, $5)

-- name: saw_lately
-- A list that renews itself is one look in ten minutes.
select saw($1, $2, $3, null, $4) where not exists (
    select from views where person = $1 and what = $3 and at > clock_timestamp() - interval '10 minutes')

-- name: last_look
select last_look()

-- name: views_of
select number, at, person, address, what, code, about from views where code = $1 order by number desc limit $2

-- name: views_between
select number, at, person, address, what, code, about from views
where number > $1 and number <= $2 order by number

-- name: views_out_of_time
-- Looks that are dated before the one that was written before them: rows get their number and moment together.
select number, at from (select number, at, lag(at) over (order by number) as before from views) v
where at < before - interval '10 minutes' order by number limit $1

-- name: traces
-- What people did and saw, the latest first. $1 who, $2 unit (of acts; of looks that of the dossier), $3 kind,
-- $4 and $5 from and to, $6 and $7 after (at, place), $8 most; $9 the unit that the dossiers are with.
with done as (
    select f.at, f.code || '/' || f.seq as place, f.code, f.seq, f.actor as person, f.unit, f.kind, '' as address, '' as about
    from facts f
    where ($1::text is null or f.actor = $1) and ($2::text is null or f.unit = $2) and ($3::text is null or f.kind = $3)
      and ($9::text is null or exists (select from dossiers d where d.code = f.code and d.unit = $9))
      and ($4::timestamptz is null or f.at >= $4) and ($5::timestamptz is null or f.at < $5)
      and ($6::timestamptz is null or f.at <= $6) and ($6::timestamptz is null or (f.at, f.code || '/' || f.seq) < ($6, $7))
    order by f.at desc, 2 desc limit $8
), seen as (
    select v.at, 'view/' || v.number as place, v.code, null::integer as seq, v.person, '' as unit, 'saw-' || v.what as kind,
           v.address, v.about
    from views v
    where (coalesce($9, $2)::text is null
           or exists (select from dossiers d where d.code = v.code and d.unit = coalesce($9, $2)))
      and ($1::text is null or v.person = $1) and ($3::text is null or 'saw-' || v.what = $3)
      and ($4::timestamptz is null or v.at >= $4) and ($5::timestamptz is null or v.at < $5)
      and ($6::timestamptz is null or v.at <= $6) and ($6::timestamptz is null or (v.at, 'view/' || v.number) < ($6, $7))
    order by v.at desc, 2 desc limit $8
)
select * from done union all select * from seen order by at desc, place desc limit $8

-- What is unusual: $1 and $2 from and to, $3 the unit that the dossiers are with, or null, $4 most; and more of
-- each one's own.

-- name: pattern_hasty
-- Decisions within $5 seconds of the moment at which their step was opened.
select d.actor as person, d.code, d.at, extract(epoch from d.at - o.at)::integer as number
from facts d join facts o on o.code = d.code and o.seq = (d.data ->> 'task')::integer
where d.kind = 'decided' and d.at >= $1 and d.at < $2 and ($3::text is null or exists (select from dossiers w where w.code = d.code and w.unit = $3))
  and d.at - o.at < make_interval(secs => $5)
order by d.at desc limit $4

-- name: pattern_both_sides
-- Whoever decided had handled the same dossier, or received it.
select distinct on (d.code, d.actor) d.actor as person, d.code, d.at, h.seq as number
from facts d join facts h on h.code = d.code and h.actor = d.actor and h.seq < d.seq
     and h.kind in ('accepted', 'step-completed', 'claimed')
     and h.data ->> 'task' is distinct from d.data ->> 'task'
where d.kind = 'decided' and d.at >= $1 and d.at < $2 and ($3::text is null or exists (select from dossiers w where w.code = d.code and w.unit = $3))
order by d.code, d.actor, h.seq limit $4

-- name: pattern_at_night
-- Acts of staff between $6 and $7 o'clock, office time ($5): by person and day.
select f.actor as person, min(f.code) as code, min(f.at) as at, count(*)::integer as number
from facts f
where f.at >= $1 and f.at < $2 and ($3::text is null or exists (select from dossiers w where w.code = f.code and w.unit = $3)) and f.actor not in ('clock', 'messenger', 'citizen')
  and (extract(hour from f.at at time zone $5) >= $6 or extract(hour from f.at at time zone $5) < $7)
group by f.actor, (f.at at time zone $5)::date order by 3 desc limit $4

-- name: pattern_back_and_forth
-- Dossiers that were sent back at least $5 times.
select max(f.actor) as person, f.code, max(f.at) as at, count(*)::integer as number
from facts f where f.kind = 'sent-back' and f.at >= $1 and f.at < $2 and ($3::text is null or exists (select from dossiers w where w.code = f.code and w.unit = $3))
group by f.code having count(*) >= $5 order by 4 desc, 3 desc limit $4

-- name: pattern_extended_together
-- At least $5 deadlines extended by one person within the same quarter of an hour.
select f.actor as person, min(f.code) as code, min(f.at) as at, count(*)::integer as number
from facts f where f.kind = 'extended' and f.at >= $1 and f.at < $2 and ($3::text is null or exists (select from dossiers w where w.code = f.code and w.unit = $3))
group by f.actor, date_bin('15 minutes', f.at, 'epoch') having count(*) >= $5 order by 3 desc limit $4

-- name: pattern_curious
-- At least $6 dossiers that somebody opened on one office day (zone $5) and has never done anything with.
select v.person, min(v.code) as code, min(v.at) as at, count(distinct v.code)::integer as number
from views v
where v.at >= $1 and v.at < $2 and v.code is not null
  and ($3::text is null or exists (select from dossiers d where d.code = v.code and d.unit = $3))
  and not exists (select from facts f where f.code = v.code and f.actor = v.person)
group by v.person, (v.at at time zone $5)::date having count(distinct v.code) >= $6 order by 3 desc limit $4
