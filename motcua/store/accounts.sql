-- Accounts, sessions and the book of sign-ins.

-- name: account
select person, password, must_change, disabled, failed,
       case when locked_until > clock_timestamp() then locked_until end as locked_until
from accounts where person = $1

-- name: accounts
select a.person, a.password is not null as has_password, a.must_change, a.disabled, a.changed_at,
       case when a.locked_until > clock_timestamp() then a.locked_until end as locked_until,
       (select max(at) from sign_ins s where s.person = a.person and s.what = 'signed-in') as signed_in_at,
       (select count(*) from sessions s where s.person = a.person and s.ended_at is null
                                          and s.ends_at > clock_timestamp()) as sessions
from accounts a

-- name: set_password
insert into accounts (person, password, must_change) values ($1, $2, $3)
on conflict (person) do update set password = excluded.password, must_change = excluded.must_change,
    failed = 0, locked_until = null, changed_at = clock_timestamp()

-- name: set_disabled
insert into accounts (person, disabled) values ($1, $2)
on conflict (person) do update set disabled = excluded.disabled

-- name: unlock
update accounts set failed = 0, locked_until = null where person = $1

-- name: count_failure
-- Counted before the password is looked at: whoever tries many at once has no more tries than one after another.
update accounts set failed = case when locked_until <= clock_timestamp() then 1 else failed + 1 end,
    locked_until = case when (case when locked_until <= clock_timestamp() then 1 else failed + 1 end) >= $2
                        then clock_timestamp() + $3::interval end
where person = $1 and (locked_until is null or locked_until <= clock_timestamp())
returning failed

-- name: forgive_failures
update accounts set failed = 0, locked_until = null where person = $1

-- name: open_session
insert into sessions (token, person, csrf, address, agent, ends_at)
values ($1, $2, $3, $4, $5, clock_timestamp() + $6::interval)

-- name: session
-- Seen is written once a minute, and only for a click ($3): it must not cost a write.
with found as (
    select s.token, s.person, s.csrf, s.seen_at, a.must_change from sessions s join accounts a using (person)
    where s.token = $1 and s.ended_at is null and s.ends_at > clock_timestamp()
      and s.seen_at > clock_timestamp() - $2::interval and not a.disabled
), seen as (
    update sessions set seen_at = clock_timestamp()
    where $3 and token = (select token from found where seen_at < clock_timestamp() - interval '1 minute')
)
select person, csrf, must_change from found

-- name: person_of_form
select person from sessions where csrf = $1

-- name: end_session
update sessions set ended_at = clock_timestamp(), ended_by = $2 where token = $1 and ended_at is null
returning person

-- name: end_sessions
update sessions set ended_at = clock_timestamp(), ended_by = $2
where person = $1 and ended_at is null and token <> $3

-- name: sessions_of
select began_at, seen_at, address, agent from sessions
where person = $1 and ended_at is null and ends_at > clock_timestamp() order by began_at desc

-- name: enter_sign_in
insert into sign_ins (person, what, why, by, address, agent) values ($1, $2, $3, $4, $5, $6)

-- name: sign_ins
select number, person, what, why, by, address, agent, at from sign_ins
where ($1::text is null or person = $1) and ($2::bigint is null or number < $2)
  and ($4::text[] is null or person = any($4)) order by number desc limit $3
