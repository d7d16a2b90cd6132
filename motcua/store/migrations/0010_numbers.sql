-- A number is found by its digits, however it was written: 0905.123.456, +84 905 123 456.
create function digits(number text) returns text language sql immutable parallel safe as $$
    select regexp_replace(regexp_replace(number, '^[\s(]*(\+|00)\s*84\s*\)?\s*(\(0\))?', '0'), '\D', '', 'g')
$$;
alter table private drop column words;
alter table private add column words tsvector generated always as (
    case when kind = 'applicant' then to_tsvector('simple'::regconfig, unmarked(
        (content ->> 'name') || ' ' || coalesce(content -> 'owner' ->> 'name', '') || ' '
        || coalesce(content ->> 'phone', '') || ' ' || coalesce(digits(content ->> 'phone'), '') || ' '
        || coalesce(content ->> 'id_number', '') || ' ' || coalesce(digits(content ->> 'id_number'), ''))) end) stored;
create index private_by_words on private using gin (words) where words is not null;
