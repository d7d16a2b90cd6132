-- What proves the record. The office keeps a journal: a chain of facts of its own, in the form of a dossier's. Heads of
-- all chains enter one log that only grows; a seal signs the root over the log so far. Closed histories of
-- Temporal are archived, each with a line in the journal.

create table journal (
    seq         integer     primary key check (seq > 0),
    kind        text        not null,
    at          timestamptz not null,
    actor       text        not null,
    unit        text        not null,
    command     text        not null unique,
    data        jsonb       not null,
    prev_hash   text        not null,
    hash        text        not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index journal_of_dossiers on journal ((data ->> 'code'), seq) where data ? 'code';
create trigger journal_stays before update or delete on journal for each row execute function refuse_change();
create trigger journal_is_not_emptied before truncate on journal for each statement execute function refuse_change();

create table seals (
    number    integer     primary key check (number > 0),
    office    text        not null,
    at        timestamptz not null,
    size      bigint      not null,
    root      text        not null,
    previous  text        not null,
    key       text        not null,
    signature text        not null
);
create trigger seals_stay before update or delete on seals for each row execute function refuse_change();
create trigger seals_are_not_emptied before truncate on seals for each statement execute function refuse_change();

create table stamps (
    seal     integer     primary key references seals,
    token    bytea       not null,
    taken_at timestamptz not null default clock_timestamp()
);
comment on table stamps is 'The answer of a time-stamping authority (RFC 3161) for a seal; it may come later than the seal.';
create trigger stamps_stay before update or delete on stamps for each row execute function refuse_change();
create trigger stamps_are_not_emptied before truncate on stamps for each statement execute function refuse_change();

create table sealed_heads (
    position bigint  primary key check (position >= 0),
    seal     integer not null references seals deferrable initially deferred,
    code     text    not null,
    seq      integer not null,
    hash     text    not null,
    unique (code, seq)
);
comment on table sealed_heads is 'The log that seals stand over: leaves of a Merkle tree, by position (models/seals.py).';
create trigger sealed_heads_stay before update or delete on sealed_heads
    for each row execute function refuse_change();
create trigger sealed_heads_are_not_emptied before truncate on sealed_heads
    for each statement execute function refuse_change();

create table histories (
    run         text        primary key,
    workflow    text        not null,
    type        text        not null,
    status      text        not null,
    closed_at   timestamptz not null,
    events      integer     not null,
    size        integer     not null,
    sha256      text        not null,
    place       text        not null,
    archived_at timestamptz not null default clock_timestamp()
);
comment on column histories.sha256 is 'Of the bytes before they were compressed: a temporal.api.history.v1.History.';
comment on column histories.place is 'Where the bytes lie: postgresql, or the address of an object.';
create index histories_by_workflow on histories (workflow, closed_at);
create index histories_by_close on histories (closed_at);
create trigger histories_stay before update or delete on histories for each row execute function refuse_change();
create trigger histories_are_not_emptied before truncate on histories
    for each statement execute function refuse_change();

create table history_bytes (
    run     text  primary key references histories,
    content bytea not null
);
alter table history_bytes alter column content set storage external; -- compressed already
create trigger history_bytes_stay before update or delete on history_bytes
    for each row execute function refuse_change();
create trigger history_bytes_are_not_emptied before truncate on history_bytes
    for each statement execute function refuse_change();

-- What was handed in is known by its digest, so that a request that comes again is known; once the applicant is
-- erased nobody may find out by trying whose it was.
grant update (digest) on intakes to motcua_app;
grant select, insert on journal, seals, stamps, sealed_heads, histories, history_bytes to motcua_app;
