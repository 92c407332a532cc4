
/*
 * What the units of the event layer share among themselves: segments, records,
 * batches.
 */


#ifndef _NGX_LEADGEN_SPOOL_H_INCLUDED_
#define _NGX_LEADGEN_SPOOL_H_INCLUDED_


#include "ngx_leadgen_event.h"


#define NGX_LEADGEN_FRAME_INTENT     1
#define NGX_LEADGEN_FRAME_EVENT      2

#define NGX_LEADGEN_SEGMENT_VERSION  1
#define NGX_LEADGEN_SEGMENT_SUFFIX   ".segment"
#define NGX_LEADGEN_SEGMENT_NAME     128
#define NGX_LEADGEN_SEGMENT_QUARANTINED  "quarantine"
#define NGX_LEADGEN_SEGMENT_QUARANTINED_MOST  8     /* files: a quarter of the
                                                     * spool, 64 KB each at
                                                     * least */
#define NGX_LEADGEN_BOOT_ID          36

#define NGX_LEADGEN_SINK_AUDIT       0
#define NGX_LEADGEN_SINKS            3

#define NGX_LEADGEN_BATCH_EVENTS     500
#define NGX_LEADGEN_BATCH_BYTES      (256 * 1024)


/* --- segment: one file of frames, mapped --- */

typedef struct {
    uint64_t                   magic;       /* written last; 0: never used */
    uint32_t                   version;
    uint32_t                   size;        /* of this header */
    u_char                     worker[NGX_LEADGEN_UUID_SIZE];
    uint64_t                   sequence;
    uint64_t                   created;     /* microseconds since 1970 */
    uint32_t                   pid;
    uint32_t                   sealed;      /* nothing is appended any more */
    uint64_t                   shipped[NGX_LEADGEN_SINKS];  /* offsets */
    uint64_t                   used;        /* bytes, for the level alone */
} ngx_leadgen_segment_header_t;


/* Lifetime: from create or adopt until release, in whatever thread. */

typedef struct {
    ngx_queue_t                    queue;
    ngx_leadgen_segment_header_t  *header;
    u_char                        *start;   /* the first frame */
    u_char                        *cursor;  /* the pump has read up to here */
    u_char                        *pos;     /* frames end, the next is put */
    u_char                        *last;    /* the mapping's end */
    size_t                         unread;  /* damaged bytes behind pos */
    ngx_uint_t                     intents; /* open ones */
    u_char                        *synced;  /* frames before it are on disk */
    u_char                        *reaching;    /* so far syncs the thread */
    ngx_uint_t                     syncing; /* a thread holds fd */
    ngx_uint_t                     unsynced;
    ngx_uint_t                     failed;  /* the disk did: not used now */
    volatile ngx_uint_t            lost;    /* pages of it, see bus */
    int                            directory;
    ngx_fd_t                       fd;      /* holds the lock */
    char                           name[NGX_LEADGEN_SEGMENT_NAME];
} ngx_leadgen_segment_t;


/* What a new segment needs; passed by value into a thread. */

typedef struct {
    int                            directory;
    ngx_uint_t                     durable; /* sync what is created */
    size_t                         size;    /* of the segment */
    uint64_t                       limit;   /* of all files together */
    uint64_t                       sequence;    /* the first to try */
    uint32_t                       pid;
    u_char                         worker[NGX_LEADGEN_UUID_SIZE];
    char                           boot[NGX_LEADGEN_BOOT_ID + 1];
} ngx_leadgen_segment_spec_t;


typedef struct {
    ngx_leadgen_segment_t         *segment; /* NULL: failed */
    const char                    *failed;  /* what did, if anything */
    ngx_err_t                      err;
} ngx_leadgen_segment_answer_t;


typedef enum {
    NGX_LEADGEN_SEGMENT_KEEP = 0,           /* for the next worker */
    NGX_LEADGEN_SEGMENT_REMOVE,
    NGX_LEADGEN_SEGMENT_QUARANTINE
} ngx_leadgen_segment_end_e;


void ngx_leadgen_segment_create(const ngx_leadgen_segment_spec_t *spec,
    ngx_leadgen_segment_answer_t *answer);

/*
 * Takes the segment of that name over from a dead owner.  NGX_OK; NGX_DONE: it
 * is gone, or was empty and is removed; NGX_BUSY: its owner lives;
 * NGX_DECLINED: not of this version; NGX_ERROR.
 */
ngx_int_t ngx_leadgen_segment_adopt(int directory, const char *name,
    ngx_leadgen_segment_t **segment);

/* Unmaps and unlocks it, and frees it. */
void ngx_leadgen_segment_release(ngx_leadgen_segment_t *segment,
    ngx_leadgen_segment_end_e end);

/* The same in a thread.  NGX_BUSY: not now, the segment is still there. */
ngx_int_t ngx_leadgen_segment_retire(ngx_leadgen_backend_t *threads,
    ngx_leadgen_segment_t *segment);


/* --- bus: segments on a disk that fails --- */

/* In each worker, before any segment is made. */
void ngx_leadgen_bus_start(void);

/* A segment has been mapped, or will be unmapped. */
void ngx_leadgen_bus_watch(ngx_leadgen_segment_t *segment);
void ngx_leadgen_bus_forget(ngx_leadgen_segment_t *segment);


/* --- job: a piece of work for a thread --- */

/* answer is NULL when the work was not done, or its answer was lost. */
typedef void (*ngx_leadgen_job_done_pt)(void *data, u_char *answer);

/* Copies arg.  NGX_OK: done() runs later, if there is one; NGX_BUSY. */
ngx_int_t ngx_leadgen_job_start(ngx_leadgen_backend_t *threads,
    ngx_leadgen_call_work_pt work, const void *arg, size_t len,
    ngx_leadgen_job_done_pt done, void *data);

/* A timer that does not hold a worker that exits. */
void ngx_leadgen_job_event(ngx_event_t *ev, ngx_event_handler_pt handler);


/* --- spool --- */

/* All as event_reserve and event_release, which count refusals. */
ngx_int_t ngx_leadgen_spool_reserve(size_t size);
void ngx_leadgen_spool_release(size_t size);

/*
 * The place of a frame of that size, for which room has been reserved.  The
 * payload goes behind the frame's header, which must stay zero until commit.
 * NULL: a disk that failed has taken the room away.
 */
u_char *ngx_leadgen_spool_place(size_t size);
ngx_leadgen_segment_t *ngx_leadgen_spool_commit(uint32_t kind,
    size_t payload);

/*
 * Ends a segment that could not be synced: what is in it and may not be on the
 * disk is appended again to the spare.  NGX_OK; NGX_ERROR: there is none.
 */
ngx_int_t ngx_leadgen_spool_replace(ngx_leadgen_segment_t *segment);

/* This worker's segments, oldest first; only the last is appended to. */
ngx_queue_t *ngx_leadgen_spool_segments(void);

/* Hands segments that nobody needs any more to a thread.  NGX_AGAIN: some are
 * left to be handed over. */
ngx_int_t ngx_leadgen_spool_sweep(void);

/* The directory's descriptor, -1 when the spool could not be opened. */
int ngx_leadgen_spool_directory(void);


/* --- intent: which segment an open one stands in --- */

ngx_uint_t ngx_leadgen_intent_full(void);
void ngx_leadgen_intent_open(const u_char *id,
    ngx_leadgen_segment_t *segment);
void ngx_leadgen_intent_close(const u_char *id);


/* --- record: an event as it stands in a frame --- */

typedef struct {
    ngx_leadgen_event_t            event;
    ngx_str_t                      action;  /* by name: the number of an action
                                             * is this build's alone */
} ngx_leadgen_record_t;


#define NGX_LEADGEN_EVENT_FRAME  8192       /* bytes, at most */

u_char *ngx_leadgen_record_encode(u_char *dst,
    const ngx_leadgen_event_t *event);
size_t ngx_leadgen_record_size(const ngx_leadgen_event_t *event);

/* The size of an event that needs not be cut, as most need not; or 0. */
size_t ngx_leadgen_record_whole(const ngx_leadgen_event_t *event);

/* NGX_OK; NGX_ERROR: not an event.  Texts point into the payload. */
ngx_int_t ngx_leadgen_record_decode(const ngx_str_t *payload,
    ngx_leadgen_record_t *record);

/* Copies an event with texts cut to their limits, then to the room there is.
 * NGX_ERROR: even without any text it is too long. */
ngx_int_t ngx_leadgen_record_fit(ngx_leadgen_event_t *dst,
    const ngx_leadgen_event_t *event, size_t room);


/* --- batch: what one call ships --- */

/* Lifetime: its pool. */

typedef struct {
    ngx_pool_t                    *pool;
    ngx_leadgen_segment_t         *segment;
    u_char                        *end;     /* cursor, once it is shipped */
    uint32_t                       kind;
    ngx_uint_t                     n;
    ngx_leadgen_record_t          *records;
} ngx_leadgen_batch_t;


/*
 * Reads up to max frames of batch->kind behind the segment's cursor.  NGX_OK;
 * NGX_DONE: there is none up to its end.
 */
ngx_int_t ngx_leadgen_batch_read(ngx_leadgen_batch_t *batch,
    ngx_leadgen_segment_t *segment, ngx_uint_t max);

/* Moves the cursor behind what was shipped. */
void ngx_leadgen_batch_advance(ngx_leadgen_batch_t *batch);

/* The same of this worker's events, and of dead workers'; the latter may answer
 * NGX_AGAIN, when it could not tidy up behind the last one. */
ngx_int_t ngx_leadgen_spool_read(ngx_leadgen_batch_t *batch, ngx_uint_t max);
ngx_int_t ngx_leadgen_adopt_read(ngx_leadgen_batch_t *batch, ngx_uint_t max);


/* --- details: the JSON object of a row --- */

#define NGX_LEADGEN_DETAILS_FIXED   384     /* bytes, at most, without texts */
#define NGX_LEADGEN_DETAILS_FACTOR  24      /* bytes for one of a text */

/* Bytes that the object of a record takes at most. */
size_t ngx_leadgen_details_size(const ngx_leadgen_record_t *record);

u_char *ngx_leadgen_details_write(u_char *dst,
    const ngx_leadgen_record_t *record);

/* Writes "name":"text", made safe, with a comma unless dst stands behind an
 * opening brace; nothing when the text is empty. */
u_char *ngx_leadgen_details_text(u_char *dst, const char *name,
    const ngx_str_t *text);


/* --- sink: PostgreSQL's audit_logs --- */

#define NGX_LEADGEN_SINK_NARGS  12

extern const char  ngx_leadgen_sink_statement[];

/* The arguments of the statement, binary.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_sink_encode(const ngx_leadgen_batch_t *batch,
    ngx_str_t *args);


/* --- dead letters: events that PostgreSQL refuses --- */

/* Appends one line to audit.dead.  done gets a non-NULL answer when it was
 * written. */
ngx_int_t ngx_leadgen_dead_park(ngx_leadgen_backend_t *threads,
    ngx_pool_t *pool, const ngx_leadgen_record_t *record, const char *code,
    const ngx_str_t *reason, ngx_leadgen_job_done_pt done, void *data);


/* --- scan: all segments of one dead worker --- */

/* What a scan brings.  Lifetime: from the thread until all is shipped. */

typedef struct {
    ngx_queue_t                segments;
    ngx_uint_t                 n;
    ngx_uint_t                 foreign;     /* files of another version */
    uint32_t                   kind;        /* of the frames now shipped */
} ngx_leadgen_scan_group_t;


/* In a thread: the directory's descriptor enters, the group's address leaves;
 * the group is empty when nobody died. */
ssize_t ngx_leadgen_scan_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size);

/* Leaves the group's segments to others. */
void ngx_leadgen_scan_drop(ngx_leadgen_scan_group_t *group);

typedef struct {
    uint64_t                   files;       /* bytes of all regular files */
    uint64_t                   used;        /* of them not free for events */
    uint64_t                   quarantine;  /* part of both */
    uint64_t                   available;   /* bytes left on the disk */
} ngx_leadgen_scan_usage_t;

/* In a thread: what the directory holds.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_scan_usage(int directory,
    ngx_leadgen_scan_usage_t *usage);

/* How many regular files a directory has, and the name of the oldest. */
ngx_int_t ngx_leadgen_scan_oldest(int directory,
    char name[NGX_LEADGEN_SEGMENT_NAME]);


/* --- level --- */

void ngx_leadgen_level_start(uint64_t limit, ngx_leadgen_backend_t *threads);
void ngx_leadgen_level_stop(void);

/* This worker has appended so many bytes. */
void ngx_leadgen_level_add(size_t size);

/* There was no room: all workers are told. */
void ngx_leadgen_level_refused(void);

/* Whether events of that mode are still taken. */
ngx_uint_t ngx_leadgen_level_admits(ngx_leadgen_mode_e mode);


/* --- adopt --- */

void ngx_leadgen_adopt_start(ngx_leadgen_backend_t *threads);
void ngx_leadgen_adopt_stop(void);

/* Segments of a dead worker that are being shipped; NULL: none are. */
ngx_queue_t *ngx_leadgen_adopt_segments(void);


/* --- sync --- */

void ngx_leadgen_sync_start(const ngx_leadgen_spool_conf_t *conf,
    ngx_leadgen_backend_t *threads);
void ngx_leadgen_sync_stop(void);

/* What was not synced of a segment is not anywhere else: whoever waits is told
 * so. */
void ngx_leadgen_sync_lose(void);

/* It has been appended to. */
void ngx_leadgen_sync_touch(ngx_leadgen_segment_t *segment);


/* --- pump --- */

/* Something has been appended or adopted. */
void ngx_leadgen_pump_wake(ngx_uint_t n);


#endif /* _NGX_LEADGEN_SPOOL_H_INCLUDED_ */
