-- Revert leadgen:refresh_tokens from pg

begin;

alter table public.sessions
add column refresh_token_hash bytea unique check (octet_length(refresh_token_hash) = 32);

update public.sessions s
set refresh_token_hash = t.hash
from public.refresh_tokens t
where t.session_id = s.id and t.used_at is null;

alter table public.sessions alter column refresh_token_hash set not null;

drop table public.refresh_tokens cascade;

commit;
