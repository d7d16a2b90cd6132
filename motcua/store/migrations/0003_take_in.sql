-- Taking a dossier in, in one round trip: the day's counter stays locked no longer than this takes.
-- Returns the code that the request has now, whether it was given just now, and with which digest it was
-- first asked. The private rows know nothing of the code yet; they get it here.

create function take_in(
    the_request text, the_digest text, the_agency text, the_day date, the_opening jsonb, private_rows jsonb,
    out code text, out fresh boolean, out digest text
) language plpgsql as $$
declare
    number integer;
begin
    -- Requests with the same id queue here, so a rival has been taken in by now or waits for us.
    perform pg_advisory_xact_lock(hashtextextended(the_request, 0));
    select i.code, false, i.digest into code, fresh, digest from intakes i where i.request_id = the_request;
    if found then
        return;
    end if;

    insert into code_numbers as c (agency, day, last) values (the_agency, the_day, 1)
    on conflict (agency, day) do update set last = c.last + 1
    returning c.last into number;
    code := format('%s-%s-%s', the_agency, to_char(the_day, 'YYMMDD'),
                   lpad(number::text, greatest(4, length(number::text)), '0'));
    fresh := true;
    digest := the_digest;

    insert into intakes (request_id, code, digest) values (the_request, take_in.code, the_digest);
    insert into pending (code, opening) values (take_in.code, the_opening);
    insert into private (id, code, kind, salt, content)
    select p.id, take_in.code, p.kind, p.salt, p.content
      from jsonb_populate_recordset(null::private, private_rows) p;
end $$;
