-- Revert leadgen:email_spelling from pg

begin;

create or replace function private.canonical_email(email text) returns text
language sql immutable strict parallel safe
return left(lower(btrim(normalize(email, nfkc)) collate "und-x-icu"), 255);

commit;
