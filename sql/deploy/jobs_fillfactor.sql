-- Deploy leadgen:jobs_fillfactor to pg
-- requires: jobs

/*
 * Half of each page is left for the next states of its jobs: the relay's taking
 * of one then touches no index, at half the time.  Rows that are there stay
 * where they are.
 */

begin;

alter table public.jobs set (fillfactor = 50);

commit;
