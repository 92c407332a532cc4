-- Verify leadgen:email_spelling on pg

begin;

select 1 / count(*) filter (where private.canonical_email(e.typed) = e.spelling)
from (values (' Ada@Example.COM ', 'ada@example.com'), ('ÄDA@Example.com', 'äda@example.com')) as e (typed, spelling)
having count(*) = count(*) filter (where private.canonical_email(e.typed) = e.spelling);

rollback;
