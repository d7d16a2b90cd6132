-- A term that is opened again has been alarmed before: it lost that with its row, and the bell was silent about it.
create function term_reopened() returns trigger language plpgsql as $$
begin
    update terms t set alarmed_at = o.at, alarm_to = o."to"
      from (select max(tell_at) as at, array_agg(distinct w) as "to"
              from occasions, unnest("to") w where code = new.code and term = new.id and rung >= 0) o
     where t.code = new.code and t.id = new.id and o.at is not null;
    return null;
end $$;
create trigger terms_reopened after insert on terms for each row execute function term_reopened();

update terms t set alarmed_at = o.at, alarm_to = o."to"
  from (select code, term, max(tell_at) as at, array_agg(distinct w) as "to"
          from occasions, unnest("to") w where rung >= 0 group by code, term) o
 where (t.code, t.id) = (o.code, o.term) and t.alarmed_at is distinct from o.at;

-- When checks ended last is asked by every worker.
create index journal_checks on journal (kind, seq) where kind in ('record-verified', 'histories-replayed');
