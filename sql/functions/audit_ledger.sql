/*
 * The chain over the audit log: what the gateway needs to seal it and to verify
 * it.  The key stays there: nothing in here can make a seal.
 */


/*
 * What a row says, as text whose SHA-256 is the row's digest: a JSON array of
 * all columns, so that no two rows read the same.
 */
create or replace function private.audit_canon(entry public.audit_logs) returns text
language sql stable parallel safe
return jsonb_build_array(
    entry.id, (extract(epoch from entry.timestamp) * 1000000)::bigint, entry.action, entry.user_id,
    entry.user_email, entry.resource_type, entry.resource_id, entry.details, entry.ip_address,
    entry.user_agent, entry.success, entry.error_message
)::text;


/*
 * Some 500 rows that wait for their seal (fewer: there are no more), in the
 * order in which they came, with their digests and all batches that they are
 * of, beside the last seal and what that was made of: 0 and empty before the
 * first.  No row: none waits.
 */
drop function if exists api.audit_unsealed();

create function api.audit_unsealed(
    out sequence bigint, out mac text, out before text, out head_id text, out head_digest text,
    out batches bigint[], out ids uuid[], out digests text[]
) returns setof record
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- plans are kept: no table stays as small as it was when they were made
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
as $$
declare
    waits record;
begin
    -- before the rows: who seals them meanwhile has moved it
    select s.sequence, encode(s.mac, 'hex'), s.id::text, encode(s.digest, 'hex')
    into sequence, mac, head_id, head_digest
    from public.audit_seals s order by s.sequence desc limit 1;

    select encode(s.mac, 'hex') into before
    from public.audit_seals s where s.sequence = audit_unsealed.sequence - 1;

    sequence := coalesce(sequence, 0);
    mac := coalesce(mac, '');
    before := coalesce(before, '');

    for waits in select u.batch, u.ids from public.audit_unsealed u order by u.batch limit 500 loop
        batches := batches || waits.batch;
        ids := ids || waits.ids;
        exit when cardinality(ids) >= 500;
    end loop;

    select array_agg(a.id order by w.place), array_agg(a.digest order by w.place)
    into ids, digests
    from unnest(ids) with ordinality as w (id, place)
    -- one look into the index a row: a join may read the whole log instead
    cross join lateral (
        select l.id, encode(sha256(convert_to(private.audit_canon(l), 'UTF8')), 'hex') as digest
        from public.audit_logs l where l.id = w.id limit 1
    ) as a;

    if ids is not null then
        return next;
    end if;
end
$$;


drop function if exists api.audit_seal(bigint, uuid[], text[], text[]);


/*
 * Adds seals behind the last one, for rows that wait for it.
 *
 * last     sequence of the last seal, as api.audit_unsealed told it
 * batches  all that the rows are of
 *
 * Returns how many were added: 0 when another gateway was faster.  Rows of the
 * batches that got none, as they are not there, wait on.  LG409: a row does not
 * wait.
 */
create or replace function api.audit_seal(
    last bigint, batches bigint[], ids uuid[], digests text[], macs text[]
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    waiting uuid[];
begin
    perform pg_advisory_xact_lock(hashtext('leadgen audit seal'));

    if last is distinct from (select coalesce(max(sequence), 0) from public.audit_seals) then
        return 0;
    end if;

    with taken as (
        delete from public.audit_unsealed u where u.batch = any(batches) returning u.batch, u.ids
    )
    select array_agg(w.id order by t.batch, w.place) into waiting
    from taken t
    cross join unnest(t.ids) with ordinality as w (id, place);

    if waiting is distinct from ids then
        if waiting @> ids is not true then
            perform private.refuse(409, 'A row does not wait for a seal.');
        end if;

        insert into public.audit_unsealed (ids)
        select array_agg(w.id) from unnest(waiting) as w (id) where w.id <> all(audit_seal.ids);
    end if;

    insert into public.audit_seals (sequence, id, digest, mac)
    select last + e.n, e.id, decode(e.digest, 'hex'), decode(e.mac, 'hex')
    from unnest(ids, digests, macs) with ordinality as e (id, digest, mac, n);

    return cardinality(ids);
end
$$;


/*
 * Fixes how far the chain goes, once a minute, when it has grown.
 *
 * Returns the anchor's number, sequence and mac, or no row: it was not due.
 */
create or replace function api.audit_anchor()
returns table(number bigint, sequence bigint, mac text)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
with locked as (
    select pg_advisory_xact_lock(hashtext('leadgen audit seal'))
), head as (
    select s.sequence, s.mac from locked, public.audit_seals s order by s.sequence desc limit 1
), last as (
    select a.number, a.sequence, a.at from public.audit_anchors a order by a.number desc limit 1
)
insert into public.audit_anchors as a (number, sequence, mac)
select coalesce(l.number, 0) + 1, h.sequence, h.mac
from head h
left join last l on true
where l.number is null or (h.sequence > l.sequence and l.at < now() - interval '60 seconds')
on conflict do nothing
returning a.number, a.sequence, encode(a.mac, 'hex');
$$;


-- The last seal that was made before a time: 0 when there is none.
create or replace function private.audit_sealed_before(moment timestamptz) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    low bigint := 0;
    high bigint;
    seal record;
begin
    select coalesce(max(s.sequence), 0) + 1 into high from public.audit_seals s;

    while high - low > 1 loop
        -- one may have been deleted
        select s.sequence, s.at < moment as is_before into seal
        from public.audit_seals s
        where s.sequence >= (low + high) / 2 and s.sequence < high
        order by s.sequence
        limit 1;

        if seal.is_before then
            low := seal.sequence;
        else
            high := (low + high) / 2;
        end if;
    end loop;

    return low;
end
$$;


/*
 * Where GET /api/admin/audit-logs/verify begins, and what is to be found.
 *
 * query  from and to: when rows were sealed, else from the first to the last;
 *        cursor: next_cursor of the call before
 *
 * Returns the sequence and mac before the first (0 and empty: the chain begins
 * there), the last sequence, the last anchor, how many rows wait for their seal
 * (in 10,000 batches: there may be more) and, once the chain itself is through,
 * the id behind which rows are looked for that are not in it.  LG422: see errors.
 */
create or replace function api.audit_ledger(
    request jsonb,
    out before bigint, out before_mac text, out last bigint, out anchored bigint,
    out anchor_mac text, out waiting bigint, out row_cursor text
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    query constant jsonb := coalesce(request -> 'query', '{}');
    cursor constant text := query ->> 'cursor';
    errors jsonb;
begin
    select jsonb_agg(jsonb_build_object('field', f.name, 'message', case
        when f.name in ('from', 'to') then
            'Send a time such as 2026-11-23T08:00:00Z; a + of an offset is %2B in a URL.'
        when f.name = 'cursor' then 'Send the next_cursor of the call before.'
        else 'There is no such parameter: there are from, to and cursor.'
    end) order by f.name)
    into errors
    from jsonb_each_text(query) as f (name, value)
    where case
        when f.name in ('from', 'to') then private.to_time(f.value) is null
        when f.name = 'cursor' then f.value !~
            '^([0-9]{1,18}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$'
        else true
    end;

    if errors is not null then
        perform private.refuse(422, 'Mend the parameters listed in errors and send it again.', errors);
    end if;

    select a.sequence, encode(a.mac, 'hex') into anchored, anchor_mac
    from public.audit_anchors a order by a.number desc limit 1;

    select coalesce(sum(cardinality(u.ids)), 0) into waiting
    from (select ids from public.audit_unsealed limit 10000) as u;

    if query ? 'to' then
        last := private.audit_sealed_before(private.to_time(query ->> 'to'));
    else
        select max(s.sequence) into last from public.audit_seals s;
    end if;

    if cursor ~ '-' then
        row_cursor := cursor;
        before := last;
    elsif cursor is not null then
        before := cursor::bigint;
    elsif query ? 'from' then
        before := private.audit_sealed_before(private.to_time(query ->> 'from'));
    end if;

    last := coalesce(last, 0);
    before := coalesce(before, 0);
    anchored := coalesce(anchored, 0);

    select encode(s.mac, 'hex') into before_mac from public.audit_seals s where s.sequence = before;
    before_mac := coalesce(before_mac, '');
end
$$;


/*
 * Up to 200 seals behind a sequence, each with its row (canon is NULL when the
 * row is not there) and what an anchor says of it.
 *
 * old  whether the row's month is over for longer than the gateway's retention
 *      and was dropped as a whole: what is missing of a month that is there was
 *      deleted.  Late rows make a month anew, within 40 days.
 */
create or replace function api.audit_verify(
    after bigint, retention interval
)
returns table(
    sequence bigint, id text, digest text, mac text, canon text, anchor text, old boolean
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select
    s.sequence, s.id::text, encode(s.digest, 'hex'), encode(s.mac, 'hex'),
    -- one look into the index a seal: a join may read the whole log instead
    (select private.audit_canon(a) from public.audit_logs a where a.id = s.id),
    (select encode(n.mac, 'hex') from public.audit_anchors n where n.sequence = s.sequence limit 1),
    coalesce(
        (s.month + interval '1 month') at time zone 'UTC' < now() - retention
        and (
            to_regclass('public.' || private.audit_partition_name(s.month at time zone 'UTC')) is null
            or retention < interval '40 days'
        ),
        false
    )
from (
    select *, date_trunc('month', private.uuid_time(id) at time zone 'UTC') as month
    from public.audit_seals
    where audit_seals.sequence > after
    order by audit_seals.sequence
    limit 200
) as s
order by s.sequence;
$$;


/*
 * The first row of up to 5,000 behind an id that has no seal and does not wait
 * for one: it came in by another way.
 *
 * Returns the last id looked at (NULL: there are no more), and that row.
 */
create or replace function api.audit_strangers(after uuid, out next text, out stranger text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
with page as materialized (
    select a.id from public.audit_logs a
    where after is null or a.id > after
    order by a.id
    limit 5000
), waiting as (
    select w.id
    from public.audit_unsealed u
    cross join unnest(u.ids) as w (id)
    where w.id between (select p.id from page p order by p.id limit 1)
        and (select p.id from page p order by p.id desc limit 1)
)
select
    (select max(p.id::text) from page p having count(*) = 5000),
    (
        select p.id::text
        from page p
        where (select s.id from public.audit_seals s where s.id = p.id) is null
        and p.id not in (select w.id from waiting w)
        order by p.id
        limit 1
    );
$$;


/*
 * Keeps what leadgen_audit_retention says, for the worker that ends retention.
 *
 * retention  NULL: for ever; less than a day is refused: LG422
 */
create or replace function api.audit_retention(retention interval) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if retention < interval '1 day' then
        perform private.refuse(422, 'The audit log is kept for a day at least.');
    end if;

    insert into public.audit_settings (retention) values (audit_retention.retention)
    on conflict (only_one) do update set retention = excluded.retention, told_at = now();
end
$$;


/*
 * Ends the retention of whole months: partitions all of whose ids are older
 * than keep are detached and dropped, and the figures of their hours.  Makes
 * the partitions of the months to come, too.
 *
 * keep  at least a day
 *
 * Returns the names of the partitions that were dropped.
 */
create or replace function private.audit_retain(keep interval) returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    month timestamp;
    name text;
    lowest uuid;
    upper uuid;
begin
    perform private.audit_partitions();

    if keep is null or keep < interval '1 day' then
        return;
    end if;

    for name in
        select c.relname
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'public.audit_logs'::regclass and c.relname ~ '^audit_logs_\d{4}_\d{2}$'
        order by c.relname
    loop
        month := make_date(left(right(name, 7), 4)::integer, right(name, 2)::integer, 1);

        if (month + interval '1 month') at time zone 'UTC' < now() - keep then
            execute format('alter table public.audit_logs detach partition public.%I', name);
            execute format('drop table public.%I', name);

            -- what was not sealed by now never is
            lowest := private.uuid_at(month at time zone 'UTC');
            upper := private.uuid_at((month + interval '1 month') at time zone 'UTC');

            update public.audit_unsealed u
            set ids = array(select w.id from unnest(u.ids) as w (id) where w.id < lowest or w.id >= upper)
            where exists (select from unnest(u.ids) as w (id) where w.id >= lowest and w.id < upper);

            delete from public.audit_unsealed where ids = '{}';

            delete from public.audit_hours where hour < (month + interval '1 month') at time zone 'UTC';
            delete from public.audit_user_hours where hour < (month + interval '1 month') at time zone 'UTC';
            delete from public.audit_days where day < month + interval '1 month';
            delete from public.audit_user_days where day < month + interval '1 month';
            delete from public.audit_user_months where audit_user_months.month <= to_date(right(name, 7), 'YYYY_MM');

            return next name;
        end if;
    end loop;

    delete from public.audit_reports where at < now() - interval '30 days';
end
$$;
