
/* Private to what is remembered beyond the zone: its files. */


#ifndef _NGX_LEADGEN_REMEMBER_H_INCLUDED_
#define _NGX_LEADGEN_REMEMBER_H_INCLUDED_


#include "ngx_leadgen_ctx.h"


/* Lifetime: worker; from changes on the thread's while it works. */

typedef struct {
    const char              *name;
    ngx_leadgen_snapshot_kind_e  kind;
    size_t                   size;          /* of a record */

    ngx_uint_t             (*changed)(void);    /* how often, so far */
    time_t                 (*known)(void);  /* of what is dated; NULL: it is
                                             * worth something at any time */

    /* Fills in n, time and extra; records are malloc()ed.  NGX_OK, ERROR. */
    ngx_int_t              (*copy)(ngx_leadgen_snapshot_t *header,
                                   u_char **records, ngx_uint_t *changes);
    void                   (*restore)(const ngx_leadgen_snapshot_t *header,
                                      u_char *records);

    time_t                   wrote;         /* 0: never */
    time_t                   logged;
    ngx_atomic_t             working;

    ngx_uint_t               changes;       /* what the file has */
    ngx_leadgen_snapshot_t   header;
    u_char                   hash[NGX_LEADGEN_SNAPSHOT_HASH];
    ngx_uint_t               whole;         /* to be written, not renewed */
    const char              *failed;
    ngx_err_t                err;
} ngx_leadgen_remember_file_t;


/*
 * Has a file's restore() begin with what stands in the file: of NULL where
 * there is none, or not what was written with that key (logged).  It reads, so
 * it is for a worker's start.
 */
void ngx_leadgen_recall(const ngx_leadgen_remember_file_t *file,
    const char *directory, const u_char *key);

/* restore() of the two files. */
void ngx_leadgen_recall_revocations(const ngx_leadgen_snapshot_t *header,
    u_char *records);
void ngx_leadgen_recall_attempts(const ngx_leadgen_snapshot_t *header,
    u_char *records);


#endif /* _NGX_LEADGEN_REMEMBER_H_INCLUDED_ */
