-- Tasks that were taken from somebody who has gone are few, and every leader's bell looks for them.
create index occasions_of_freed_tasks on occasions (code) where kind = 'task-freed';
