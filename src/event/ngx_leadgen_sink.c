
/*
 * The sink into PostgreSQL: a batch enters, the arguments of one SQL call
 * leave, each a column as a binary array.
 */


#include "ngx_leadgen_spool.h"


#define NGX_LEADGEN_SINK_BOOL         16
#define NGX_LEADGEN_SINK_INT8         20
#define NGX_LEADGEN_SINK_TEXT         25
#define NGX_LEADGEN_SINK_TIMESTAMPTZ  1184
#define NGX_LEADGEN_SINK_UUID         2950
#define NGX_LEADGEN_SINK_JSONB        3802

#define NGX_LEADGEN_SINK_HEAD         20
#define NGX_LEADGEN_SINK_NULL         0xffffffff

/* between 1970 and PostgreSQL's 2000, in microseconds */
#define NGX_LEADGEN_SINK_EPOCH        946684800000000LL


/* Writes an element with its length; which: a text of the event. */
typedef u_char *(*ngx_leadgen_sink_put_pt)(u_char *dst,
    const ngx_leadgen_record_t *record, ngx_uint_t which);

typedef struct {
    uint32_t                   oid;         /* of the element */
    ngx_leadgen_sink_put_pt    put;
    ngx_uint_t                 which;
} ngx_leadgen_sink_column_t;


static ngx_int_t ngx_leadgen_sink_array(const ngx_leadgen_batch_t *batch,
    const ngx_leadgen_sink_column_t *column, ngx_str_t *arg);
static size_t ngx_leadgen_sink_bound(const ngx_leadgen_record_t *record,
    const ngx_leadgen_sink_column_t *column);
static u_char *ngx_leadgen_sink_number(u_char *dst, uint64_t value,
    size_t size);
static u_char *ngx_leadgen_sink_id(u_char *dst,
    const ngx_leadgen_record_t *record, ngx_uint_t which);
static u_char *ngx_leadgen_sink_time(u_char *dst,
    const ngx_leadgen_record_t *record, ngx_uint_t which);
static u_char *ngx_leadgen_sink_user(u_char *dst,
    const ngx_leadgen_record_t *record, ngx_uint_t which);
static u_char *ngx_leadgen_sink_success(u_char *dst,
    const ngx_leadgen_record_t *record, ngx_uint_t which);
static u_char *ngx_leadgen_sink_action(u_char *dst,
    const ngx_leadgen_record_t *record, ngx_uint_t which);
static u_char *ngx_leadgen_sink_text(u_char *dst,
    const ngx_leadgen_record_t *record, ngx_uint_t which);
static u_char *ngx_leadgen_sink_string(u_char *dst, const ngx_str_t *text);
static u_char *ngx_leadgen_sink_details(u_char *dst,
    const ngx_leadgen_record_t *record, ngx_uint_t which);


const char  ngx_leadgen_sink_statement[] =
    "select api.event_ingest($1::uuid[], $2::timestamptz[], $3::text[], "
    "$4::bigint[], $5::text[], $6::text[], $7::text[], $8::jsonb[], "
    "$9::text[], $10::text[], $11::boolean[], $12::text[])";


static const ngx_leadgen_sink_column_t
    ngx_leadgen_sink_columns[NGX_LEADGEN_SINK_NARGS] =
{
    { NGX_LEADGEN_SINK_UUID, ngx_leadgen_sink_id, 0 },
    { NGX_LEADGEN_SINK_TIMESTAMPTZ, ngx_leadgen_sink_time, 0 },
    { NGX_LEADGEN_SINK_TEXT, ngx_leadgen_sink_action, 0 },
    { NGX_LEADGEN_SINK_INT8, ngx_leadgen_sink_user, 0 },
    { NGX_LEADGEN_SINK_TEXT, ngx_leadgen_sink_text,
      NGX_LEADGEN_EVENT_USER_EMAIL },
    { NGX_LEADGEN_SINK_TEXT, ngx_leadgen_sink_text,
      NGX_LEADGEN_EVENT_RESOURCE_TYPE },
    { NGX_LEADGEN_SINK_TEXT, ngx_leadgen_sink_text,
      NGX_LEADGEN_EVENT_RESOURCE_ID },
    { NGX_LEADGEN_SINK_JSONB, ngx_leadgen_sink_details, 0 },
    { NGX_LEADGEN_SINK_TEXT, ngx_leadgen_sink_text,
      NGX_LEADGEN_EVENT_IP_ADDRESS },
    { NGX_LEADGEN_SINK_TEXT, ngx_leadgen_sink_text,
      NGX_LEADGEN_EVENT_USER_AGENT },
    { NGX_LEADGEN_SINK_BOOL, ngx_leadgen_sink_success, 0 },
    { NGX_LEADGEN_SINK_TEXT, ngx_leadgen_sink_text,
      NGX_LEADGEN_EVENT_ERROR }
};


ngx_int_t
ngx_leadgen_sink_encode(const ngx_leadgen_batch_t *batch, ngx_str_t *args)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_SINK_NARGS; i++) {
        if (ngx_leadgen_sink_array(batch, &ngx_leadgen_sink_columns[i],
                                   &args[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_sink_array(const ngx_leadgen_batch_t *batch,
    const ngx_leadgen_sink_column_t *column, ngx_str_t *arg)
{
    u_char      *p;
    size_t       size;
    ngx_uint_t   i;

    size = NGX_LEADGEN_SINK_HEAD;

    for (i = 0; i < batch->n; i++) {
        size += ngx_leadgen_sink_bound(&batch->records[i], column);
    }

    arg->data = ngx_pnalloc(batch->pool, size);
    if (arg->data == NULL) {
        return NGX_ERROR;
    }

    p = arg->data;

    p = ngx_leadgen_sink_number(p, 1, 4);               /* dimensions */
    p = ngx_leadgen_sink_number(p, 1, 4);               /* may have nulls */
    p = ngx_leadgen_sink_number(p, column->oid, 4);
    p = ngx_leadgen_sink_number(p, batch->n, 4);
    p = ngx_leadgen_sink_number(p, 1, 4);               /* first subscript */

    for (i = 0; i < batch->n; i++) {
        p = column->put(p, &batch->records[i], column->which);
    }

    arg->len = p - arg->data;

    return NGX_OK;
}


static size_t
ngx_leadgen_sink_bound(const ngx_leadgen_record_t *record,
    const ngx_leadgen_sink_column_t *column)
{
    size_t            fixed;
    const ngx_str_t  *text;

    fixed = 4 + NGX_LEADGEN_UUID_SIZE;
    text = record->event.text;

    if (column->put == ngx_leadgen_sink_text) {
        return fixed + 4 * text[column->which].len;
    }

    if (column->put == ngx_leadgen_sink_action) {
        return fixed + 4 * record->action.len;
    }

    if (column->put == ngx_leadgen_sink_details) {
        return fixed + ngx_leadgen_details_size(record);
    }

    return fixed;
}


/* In network byte order. */

static u_char *
ngx_leadgen_sink_number(u_char *dst, uint64_t value, size_t size)
{
    size_t  i;

    for (i = size; i; i--) {
        dst[i - 1] = (u_char) value;
        value >>= 8;
    }

    return dst + size;
}


static u_char *
ngx_leadgen_sink_id(u_char *dst, const ngx_leadgen_record_t *record,
    ngx_uint_t which)
{
    dst = ngx_leadgen_sink_number(dst, NGX_LEADGEN_UUID_SIZE, 4);

    return ngx_cpymem(dst, record->event.id, NGX_LEADGEN_UUID_SIZE);
}


static u_char *
ngx_leadgen_sink_time(u_char *dst, const ngx_leadgen_record_t *record,
    ngx_uint_t which)
{
    dst = ngx_leadgen_sink_number(dst, 8, 4);

    return ngx_leadgen_sink_number(dst, record->event.time
                                        - NGX_LEADGEN_SINK_EPOCH, 8);
}


static u_char *
ngx_leadgen_sink_user(u_char *dst, const ngx_leadgen_record_t *record,
    ngx_uint_t which)
{
    if (record->event.user_id == 0) {
        return ngx_leadgen_sink_number(dst, NGX_LEADGEN_SINK_NULL, 4);
    }

    dst = ngx_leadgen_sink_number(dst, 8, 4);

    return ngx_leadgen_sink_number(dst, record->event.user_id, 8);
}


static u_char *
ngx_leadgen_sink_success(u_char *dst, const ngx_leadgen_record_t *record,
    ngx_uint_t which)
{
    if (record->event.outcome == NGX_LEADGEN_OUTCOME_UNKNOWN) {
        return ngx_leadgen_sink_number(dst, NGX_LEADGEN_SINK_NULL, 4);
    }

    dst = ngx_leadgen_sink_number(dst, 1, 4);
    *dst++ = (record->event.outcome == NGX_LEADGEN_OUTCOME_SUCCESS);

    return dst;
}


static u_char *
ngx_leadgen_sink_action(u_char *dst, const ngx_leadgen_record_t *record,
    ngx_uint_t which)
{
    return ngx_leadgen_sink_string(dst, &record->action);
}


static u_char *
ngx_leadgen_sink_text(u_char *dst, const ngx_leadgen_record_t *record,
    ngx_uint_t which)
{
    return ngx_leadgen_sink_string(dst, &record->event.text[which]);
}


static u_char *
ngx_leadgen_sink_string(u_char *dst, const ngx_str_t *text)
{
    u_char  *last;

    if (text->len == 0) {
        return ngx_leadgen_sink_number(dst, NGX_LEADGEN_SINK_NULL, 4);
    }

    last = ngx_leadgen_text_sanitize(dst + 4, text);

    (void) ngx_leadgen_sink_number(dst, last - dst - 4, 4);

    return last;
}


static u_char *
ngx_leadgen_sink_details(u_char *dst, const ngx_leadgen_record_t *record,
    ngx_uint_t which)
{
    u_char  *last;

    dst[4] = 1;                                         /* jsonb's version */
    last = ngx_leadgen_details_write(dst + 5, record);

    (void) ngx_leadgen_sink_number(dst, last - dst - 4, 4);

    return last;
}
