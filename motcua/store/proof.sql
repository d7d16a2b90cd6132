-- name: journal_lock
select pg_advisory_xact_lock(7200519035)

-- name: journal_end
select seq, hash from journal order by seq desc limit 1

-- name: journal_known
select command from journal where command = any($1::text[])

-- name: journal_write
insert into journal (seq, kind, at, actor, unit, command, data, prev_hash, hash)
select * from unnest($1::integer[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
                     $8::text[], $9::text[])

-- name: journal
select seq, kind, at, actor, unit, command, data, prev_hash, hash from journal order by seq

-- name: journal_of_kind
select seq, kind, at, actor, unit, command, data, prev_hash, hash from journal where kind = $1 order by seq desc limit $2

-- name: journal_of
select seq, kind, at, actor, unit, command, data, prev_hash, hash from journal
where data ? 'code' and data ->> 'code' = $1 order by seq

-- name: erased_ids
select i.id from journal j, jsonb_array_elements_text(j.data -> 'ids') i (id)
where j.kind = 'erased' and j.data -> 'ids' ?| $1::text[] and i.id = any($1::text[])

-- name: erase
with gone as (delete from private where code = $1 returning id),
     unknown as (update intakes set digest = '' where code = $1)
select id from gone order by id

-- name: held
-- Whether the last word on a hold is that it was placed.
select coalesce((select kind = 'hold-placed' from journal
                  where data ? 'code' and data ->> 'code' = $1 and kind in ('hold-placed', 'hold-lifted')
                  order by seq desc limit 1), false)

-- name: needed_by
-- Dossiers that were opened for this one, and so on, which refer to its rows: those that go on, are held, or, where $5
-- says so, whose own period is not over ($2 to $4 as for `erasable`).
with recursive family (code) as (
    select $1::text
    union
    select f.code from family p join facts f on f.kind = 'linked-to' and f.data ->> 'parent' = p.code
)
select c.code from family c join dossiers d on d.code = c.code
left join unnest($2::text[], $3::timestamptz[]) k (procedure, before) on k.procedure = d.procedure
where c.code <> $1
  and (d.outcome is null
       or ($5 and not coalesce(d.finished_at < coalesce(k.before, $4), false))
       or coalesce((select j.kind = 'hold-placed' from journal j
                     where j.data ? 'code' and j.data ->> 'code' = c.code and j.kind in ('hold-placed', 'hold-lifted')
                     order by j.seq desc limit 1), false))
order by c.code limit 1

-- name: holds
select distinct on (data ->> 'code') data ->> 'code' as code, kind, at, actor, data ->> 'paper' as paper from journal
where data ? 'code' and kind in ('hold-placed', 'hold-lifted') order by data ->> 'code', seq desc

-- name: erasable
-- Dossiers that ended before the moment of their procedure ($1 and $2 go by one another; $3 for all others, or null),
-- with something left to erase, the oldest first; further from ($4, $5), at most $6.
select d.code, d.finished_at from dossiers d
left join unnest($1::text[], $2::timestamptz[]) k (procedure, before) on k.procedure = d.procedure
where d.outcome is not null and d.finished_at < coalesce(k.before, $3)
  and ($4::timestamptz is null or (d.finished_at, d.code) > ($4, $5))
  and exists (select from private p where p.code = d.code)
order by d.finished_at, d.code limit $6

-- name: seal_lock
-- Held by the session: a lock taken inside the transaction would be older than what the transaction sees.
select pg_advisory_lock(7200519036)

-- name: seal_unlock
select pg_advisory_unlock(7200519036)

-- name: seals
select number, office, at, size, root, previous, key, signature from seals order by number

-- name: seal_of
select number, office, at, size, root, previous, key, signature from seals where number = $1

-- name: sealed_until
select position, seal, code, seq, hash from sealed_heads where $1::bigint is null or position < $1 order by position

-- name: sealed_last
select position, seal, seq, hash from sealed_heads where code = $1 order by seq desc limit 1

-- name: unsealed_heads
-- A dossier's head is sealed as the facts have it; what the read model says beside that is for the audit to name.
select d.code, f.seq, f.hash
from dossiers d
join lateral (select seq, hash from facts where code = d.code order by seq desc limit 1) f on true
left join lateral (select max(seq) as seq from sealed_heads where code = d.code) s on true
where f.seq > coalesce(s.seq, 0)
order by d.code collate "C"

-- name: seal
insert into seals (number, office, at, size, root, previous, key, signature) values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: seal_heads
insert into sealed_heads (position, seal, code, seq, hash)
select * from unnest($1::bigint[], $2::integer[], $3::text[], $4::integer[], $5::text[])

-- name: stamp
insert into stamps (seal, token) values ($1, $2) on conflict do nothing

-- name: stamps
select seal, token from stamps order by seal

-- name: stamp_of
select token from stamps where seal = $1

-- name: unstamped
select number, office, at, size, root, previous, key, signature from seals s
where not exists (select from stamps where seal = s.number) order by number

-- name: archived_of
select run from histories where run = any($1::text[])

-- name: archive
insert into histories (run, workflow, type, status, closed_at, events, size, sha256, place)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::integer[],
                     $8::text[], $9::text[])

-- name: archive_bytes
insert into history_bytes (run, content) select * from unnest($1::text[], $2::bytea[])

-- name: history_bytes
select content from history_bytes where run = $1

-- name: histories
-- $1: of one workflow, or null; $2: closed since, or null.
-- A moment that no program could read does not keep the others from being replayed; `histories_told` has it as it is.
select run, workflow, type, status, least(greatest(closed_at, '1900-01-01'), '9000-01-01') as closed_at,
       events, size, sha256, place
from histories
where ($1::text is null or workflow = $1) and ($2::timestamptz is null or closed_at >= $2)
order by workflow collate "C", closed_at

-- name: histories_told
-- Each archived history with what the journal says of it.
select h.run, h.workflow, h.type, h.status, h.closed_at, h.events, h.size, h.sha256, h.place, j.data
from histories h left join journal j on j.command = 'archive/' || h.run and j.kind = 'history-archived'
order by h.workflow collate "C", h.closed_at

-- name: histories_gone
-- What the journal says was archived and is not there.
select j.data ->> 'run' as run from journal j
where j.kind = 'history-archived' and not exists (select from histories h where h.run = j.data ->> 'run') order by j.seq

-- name: history_count
select count(*) from histories
where ($1::text is null or workflow = $1) and ($2::timestamptz is null or closed_at >= $2)

-- name: without_history
select code from dossiers d
where ($1::text is null or code = $1) and not exists (select from histories h where h.workflow = d.code)
order by code collate "C"

-- name: unarchived
-- Dossiers on which nothing more can happen whose history is not archived, by when their last fact was recorded.
select d.code, f.recorded_at as since
from dossiers d join facts f on f.code = d.code and f.seq = d.seq
where d.outcome is not null and not exists (select from histories h where h.workflow = d.code)
  and f.recorded_at < $1
order by f.recorded_at limit $2

-- name: audit_codes
select code from (select distinct code from facts union select code from dossiers
                  union select code from sealed_heads where code <> $1) c order by code collate "C"

-- name: audit_rows
select d.code, to_jsonb(d) || jsonb_build_object(
    'tasks', (select coalesce(jsonb_agg(to_jsonb(t) - '{code,place,urgent_at}'::text[] order by t.id), '[]')
                from tasks t where t.code = d.code),
    'terms', (select coalesce(jsonb_agg(to_jsonb(t) - '{code,alarmed_at,alarm_to}'::text[] order by t.id), '[]')
                from terms t where t.code = d.code)) as shown
from dossiers d where d.code = any($1::text[])

-- name: audit_sealed
select code, seal, seq, hash from sealed_heads where code = any($1::text[]) order by position

-- name: audit_private
select p.id, p.code, p.salt, p.content, encode(sha256(f.content), 'hex') as file
from private p left join files f using (id) where p.id = any($1::text[])

-- name: audit_occasions
select code, term, generation, rung, occurrence, kind, name, at, tell_at, "to", by, at_once, fact
from occasions where code = any($1::text[]) order by code, fact

-- name: audit_notices
-- Notices that no occasion called for as they stand.
select n.code, n.fact, n.id from notices n
where n.code = any($1::text[]) and not exists (
    select from occasions o where o.code = n.code and o.term = n.term and o.generation = n.generation
       and o.rung = n.rung and o.occurrence = n.occurrence
       and (o.kind, o.name, o.at, o.fact) = (n.alarm, n.name, n.due_at, n.fact))
order by n.id

-- name: audit_derived
-- What the database works out itself for lists and boards, held against what it is worked out from.
select t.code, 'the inbox has task ' || t.id || ' in another place than its terms give it' as what
from tasks t join dossiers d on d.code = t.code
where t.code = any($1::text[])
  and (t.urgent_at, t.place) is distinct from (urgent_at(t.due_at, d.due_at, d.ready_at),
                                               place(t.paused, urgent_at(t.due_at, d.due_at, d.ready_at)))
union all
select t.code, 'the board has term ' || t.id || ' with other alarms than there were'
from terms t
left join lateral (select max(o.tell_at) as at, array_agg(distinct w order by w) as "to"
                     from occasions o, unnest(o."to") w
                    where o.code = t.code and o.term = t.id and o.rung >= 0) o on true
where t.code = any($1::text[])
  and (t.alarmed_at, (select array_agg(w order by w) from unnest(t.alarm_to) w)) is distinct from (o.at, o."to")

-- name: journal_checked
-- When a check ended last; where none ever did, when the journal began.
select coalesce((select at from journal where kind = $1 and kind in ('record-verified', 'histories-replayed')
                  order by seq desc limit 1),
                (select at from journal where seq = 1))

-- name: audit_standing
select status, outcome from dossiers where code = $1

-- name: audit_clock
select clock_timestamp()

-- name: deliveries_alone
-- Ends of letters of which no history is archived; those that Temporal was never given have none.
select d.notice, d.round, d.outcome from deliveries d
where d.outcome in ('sent', 'passed', 'void')
  and not exists (select from histories h
                   where h.workflow = 'notice/' || d.notice || case when d.round > 0 then '/' || d.round else '' end)
order by d.number

-- name: audit_fates
-- What the record says became of these rounds ($1 and $2 go by one another): no notice, no end yet, or its end.
select n.id as notice, asked.round, d.outcome
from unnest($1::text[], $2::integer[]) asked (notice, round)
join notices n on n.id = asked.notice
left join deliveries d on d.notice = n.id and d.round = asked.round and d.outcome <> 'again'

-- name: audit_open
-- Dossiers that are not closed, after $1, at most $2.
select code from dossiers where stage <> 'closed' and code > $1 order by code limit $2

-- name: audit_is_open
select exists (select from dossiers where code = $1 and stage <> 'closed')

-- name: unheard
-- A child tells its parent how it ended; a parent that ends early calls its children back.
select child.code from facts link
join dossiers child on child.code = link.code and child.stage = 'closed'
join dossiers parent on parent.code = link.data ->> 'parent' and parent.stage <> 'closed'
where link.kind = 'linked-to' and ($1::text is null or child.code = $1)
    and not exists (
        select from facts heard where heard.code = parent.code and heard.kind = 'heard'
            and heard.data ->> 'child' = child.code
            and heard.data ->> 'what' in ('ready', 'refused', 'withdrawn', 'stopped')
    )
union
select parent.code from facts link
join dossiers child on child.code = link.code and child.stage <> 'closed' and child.ready_at is null
join dossiers parent on parent.code = link.data ->> 'parent' and parent.stage = 'closed'
join facts over on over.code = parent.code
    and (over.kind = 'withdrawn' or over.kind = 'stopped' and (over.data ->> 'final')::boolean)
where link.kind = 'linked-to' and ($1::text is null or parent.code = $1)
order by code

-- name: commands_done
-- Which of these commands ($1 and $2 go by one another) have led to a fact.
select distinct f.code, f.command from unnest($1::text[], $2::text[]) asked (code, command)
join facts f on f.code = asked.code and f.command = asked.command

-- name: restart_lock
-- Held by the session, across the questions to Temporal.
select pg_advisory_lock(hashtextextended('restart of ' || $1, 0))

-- name: restart_unlock
select pg_advisory_unlock(hashtextextended('restart of ' || $1, 0))
