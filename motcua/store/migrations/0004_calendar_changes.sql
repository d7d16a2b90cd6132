-- Changes of the office's calendar: who ordered which, and when each was done with every open dossier.
-- What has been ordered and not undone is in force; the number of the last act tells a desk whether the
-- calendar that it counts by still is.

create table calendar_acts (
    number  bigint generated always as identity primary key,
    change  text        not null,
    act     text        not null check (act in ('apply', 'applied', 'undo', 'undone')),
    actor   jsonb       not null,
    ordered jsonb,
    at      timestamptz not null default clock_timestamp(),
    unique (change, act),
    check ((act = 'apply') = (ordered is not null))
);
create trigger calendar_acts_stay before update or delete on calendar_acts
    for each row execute function refuse_change();
create trigger calendar_acts_are_not_emptied before truncate on calendar_acts
    for each statement execute function refuse_change();
grant select, insert on calendar_acts to motcua_app;

create function calendar_epoch() returns bigint language sql stable as $$
    select coalesce(max(number), 0) from calendar_acts
$$;

-- One act more, if none has been added since the caller looked. Whoever takes a dossier in holds the same
-- lock, shared: so each dossier is either on record before the act, or is taken in knowing of it.
create function add_calendar_act(
    the_epoch bigint, the_change text, the_act text, the_actor jsonb, the_order jsonb
) returns boolean language plpgsql as $$
begin
    perform pg_advisory_xact_lock(7200519034);
    if calendar_epoch() <> the_epoch then
        return false;
    end if;
    insert into calendar_acts (change, act, actor, ordered) values (the_change, the_act, the_actor, the_order);
    return true;
end $$;

-- Taking a dossier in by a desk that knows the acts up to the_epoch; no code where there are others.
create function take_in_under(
    the_epoch bigint, the_request text, the_digest text, the_agency text, the_day date, the_opening jsonb,
    private_rows jsonb, out code text, out fresh boolean, out digest text
) language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(7200519034);
    if calendar_epoch() <> the_epoch then
        return;
    end if;
    select t.code, t.fresh, t.digest into code, fresh, digest
      from take_in(the_request, the_digest, the_agency, the_day, the_opening, private_rows) t;
end $$;

-- A calendar's version names the changes that it contains: vn-1f0c2ab4+tet-2027 (models/changes.py).
create function contains_change(version text, the_change text) returns boolean language sql immutable as $$
    select the_change = any((string_to_array(version, '+'))[2:])
$$;

create function amended_by(the_code text, the_command text) returns boolean language sql stable as $$
    select exists (select from facts where code = the_code and command = the_command
                                       and kind = 'calendar-amended')
$$;

-- The open dossiers that a change has still to be brought to, or to be taken back from.
create function dossiers_without(the_change text, undoing boolean) returns setof text
language sql stable as $$
    with born as materialized (
        select fingerprint from rules
         where kind = 'calendar' and contains_change(body ->> 'version', the_change)
    ), standing as (
        select d.code, f.data ->> 'calendar' in (select fingerprint from born)
                       or amended_by(d.code, format('calendar/%s/apply/%s', the_change, d.code)) as carries
          from dossiers d join facts f on f.code = d.code and f.seq = 1
         where d.outcome is null
    )
    select code from standing s
     where case when undoing
                then carries and not amended_by(code, format('calendar/%s/undo/%s', the_change, code))
                else not carries end
$$;
