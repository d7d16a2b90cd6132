-- Open dossiers in order of their codes: each is looked for in Temporal now and then, a few hundred at a time.
create index dossiers_not_closed on dossiers (code) where stage <> 'closed';
