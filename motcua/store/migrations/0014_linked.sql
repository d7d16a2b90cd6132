-- What was opened for a dossier is found by what it says itself: not every one is heard of by the dossier.
create index facts_linked on facts ((data ->> 'parent')) where kind = 'linked-to';
