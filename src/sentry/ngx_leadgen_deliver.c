
/*
 * Delivery, in a thread: an item goes in, is compressed and posted; what Sentry
 * said comes out.  Nothing that stands in a DSN does.
 */


#include "ngx_leadgen_transport.h"
#include <curl/curl.h>
#include <zlib.h>


#define NGX_LEADGEN_DELIVER_CONNECT  2000   /* milliseconds */


/* Lifetime: one request. */

typedef struct {
    ngx_leadgen_deliver_answer_t  *answer;
    size_t                         received;
    ngx_uint_t                     has_limits;
    u_char                         retry[32];
    size_t                         retry_len;
} ngx_leadgen_deliver_t;


static ngx_int_t ngx_leadgen_deliver_compress(const ngx_str_t *args,
    ngx_str_t *body);
static ngx_int_t ngx_leadgen_deliver_deflate(const ngx_str_t *text,
    ngx_str_t *body);
static CURLcode ngx_leadgen_deliver_prepare(CURL *curl, const ngx_str_t *args,
    const ngx_str_t *body, ngx_leadgen_deliver_t *deliver);
static struct curl_slist *ngx_leadgen_deliver_headers(const ngx_str_t *auth);
static size_t ngx_leadgen_deliver_header(char *line, size_t size, size_t n,
    void *data);
static ngx_uint_t ngx_leadgen_deliver_is(ngx_str_t *line, const char *name);
static size_t ngx_leadgen_deliver_body(char *text, size_t size, size_t n,
    void *data);
static int ngx_leadgen_deliver_progress(void *data, curl_off_t down,
    curl_off_t downloaded, curl_off_t up, curl_off_t uploaded);


/* Lifetime: worker; one thread at a time has it.  It keeps the connection. */

static CURL  *ngx_leadgen_deliver_curl;


ngx_int_t
ngx_leadgen_deliver_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? NGX_OK
                                                             : NGX_ERROR;
}


void
ngx_leadgen_deliver_exit(void)
{
    curl_easy_cleanup(ngx_leadgen_deliver_curl);
    ngx_leadgen_deliver_curl = NULL;

    curl_global_cleanup();
}


ssize_t
ngx_leadgen_deliver_work(const ngx_str_t *args, ngx_uint_t nargs,
    u_char *answer, size_t size)
{
    CURL                          *curl;
    long                           status;
    CURLcode                       rc;
    ngx_str_t                      body, retry;
    struct curl_slist             *headers;
    ngx_leadgen_deliver_t          deliver;
    ngx_leadgen_deliver_answer_t   result;

    ngx_memzero(&deliver, sizeof(deliver));
    ngx_memzero(&result, sizeof(result));

    deliver.answer = &result;
    status = 0;
    rc = CURLE_OUT_OF_MEMORY;

    if (ngx_leadgen_deliver_curl == NULL) {
        ngx_leadgen_deliver_curl = curl_easy_init();
    }

    curl = ngx_leadgen_deliver_curl;
    headers = ngx_leadgen_deliver_headers(&args[NGX_LEADGEN_DELIVER_AUTH]);

    ngx_str_null(&body);

    if (curl && headers
        && ngx_leadgen_deliver_compress(args, &body) == NGX_OK)
    {
        rc = ngx_leadgen_deliver_prepare(curl, args, &body, &deliver);

        if (rc == CURLE_OK
            && (rc = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers))
               == CURLE_OK)
        {
            rc = curl_easy_perform(curl);
        }

        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_reset(curl);
    }

    curl_slist_free_all(headers);
    free(body.data);

    /* what was said before the connection broke is said */

    result.status = (rc == CURLE_OK || status >= 400) ? (uint32_t) status : 0;

    (void) ngx_cpystrn((u_char *) result.error,
                       (u_char *) curl_easy_strerror(rc),
                       sizeof(result.error));

    if (result.status == NGX_LEADGEN_DELIVER_TOO_MANY && !deliver.has_limits) {
        retry.data = deliver.retry;
        retry.len = deliver.retry_len;
        ngx_leadgen_limits_retry(&retry, &result.limits);
    }

    ngx_memcpy(answer, &result, sizeof(result));

    return sizeof(result);
}


/* --- body --- */

static ngx_int_t
ngx_leadgen_deliver_compress(const ngx_str_t *args, ngx_str_t *body)
{
    ngx_int_t               rc;
    ngx_str_t               text;
    ngx_leadgen_envelope_t  envelope;

    ngx_memcpy(&envelope, args[NGX_LEADGEN_DELIVER_ENVELOPE].data,
               sizeof(envelope));

    envelope.payload = args[NGX_LEADGEN_DELIVER_PAYLOAD];

    text.data = malloc(ngx_leadgen_envelope_size(&envelope));
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ngx_leadgen_envelope_write(text.data, &envelope) - text.data;

    rc = ngx_leadgen_deliver_deflate(&text, body);

    free(text.data);

    return rc;
}


static ngx_int_t
ngx_leadgen_deliver_deflate(const ngx_str_t *text, ngx_str_t *body)
{
    int       rc;
    z_stream  stream;

    ngx_memzero(&stream, sizeof(stream));

    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + 16, 8,
                     Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        return NGX_ERROR;
    }

    body->len = deflateBound(&stream, text->len);
    body->data = malloc(body->len);

    if (body->data == NULL) {
        (void) deflateEnd(&stream);
        return NGX_ERROR;
    }

    stream.next_in = text->data;
    stream.avail_in = text->len;
    stream.next_out = body->data;
    stream.avail_out = body->len;

    rc = deflate(&stream, Z_FINISH);
    body->len = stream.total_out;

    (void) deflateEnd(&stream);

    return rc == Z_STREAM_END ? NGX_OK : NGX_ERROR;
}


/* --- request --- */

/* libcurl verifies certificates, and follows no redirects, unless told to. */

static CURLcode
ngx_leadgen_deliver_prepare(CURL *curl, const ngx_str_t *args,
    const ngx_str_t *body, ngx_leadgen_deliver_t *deliver)
{
    long      timeout;
    CURLcode  rc;

    ngx_memcpy(&timeout, args[NGX_LEADGEN_DELIVER_TIMEOUT].data,
               sizeof(timeout));

    if ((rc = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https"))
        || (rc = curl_easy_setopt(curl, CURLOPT_URL,
                                  args[NGX_LEADGEN_DELIVER_URL].data))
        || (rc = curl_easy_setopt(curl, CURLOPT_PROXY, ""))
        || (rc = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L))
        || (rc = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout))
        || (rc = curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                                  ngx_min(timeout,
                                          NGX_LEADGEN_DELIVER_CONNECT)))
        || (rc = curl_easy_setopt(curl, CURLOPT_POST, 1L))
        || (rc = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data))
        || (rc = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                                  (curl_off_t) body->len))
        || (rc = curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION,
                                  ngx_leadgen_deliver_header))
        || (rc = curl_easy_setopt(curl, CURLOPT_HEADERDATA, deliver))
        || (rc = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION,
                                  ngx_leadgen_deliver_body))
        || (rc = curl_easy_setopt(curl, CURLOPT_WRITEDATA, deliver))
        || (rc = curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L))
        || (rc = curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION,
                                  ngx_leadgen_deliver_progress)))
    {
        return rc;
    }

    return CURLE_OK;
}


/* Without "Expect:" libcurl would wait a second for leave to send. */

static struct curl_slist *
ngx_leadgen_deliver_headers(const ngx_str_t *auth)
{
    ngx_uint_t          i;
    const char         *lines[6];
    struct curl_slist  *headers, *more;

    lines[0] = (char *) auth->data;
    lines[1] = "Content-Type: application/x-sentry-envelope";
    lines[2] = "Content-Encoding: gzip";
    lines[3] = "User-Agent: " NGX_LEADGEN_SENTRY_CLIENT;
    lines[4] = "Accept:";
    lines[5] = "Expect:";

    headers = NULL;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        more = curl_slist_append(headers, lines[i]);

        if (more == NULL) {
            curl_slist_free_all(headers);
            return NULL;
        }

        headers = more;
    }

    return headers;
}


/* --- answer --- */

static size_t
ngx_leadgen_deliver_header(char *line, size_t size, size_t n, void *data)
{
    ngx_leadgen_deliver_t  *deliver = data;

    ngx_str_t  value;

    value.data = (u_char *) line;
    value.len = size * n;

    while (value.len && (value.data[value.len - 1] == '\n'
                         || value.data[value.len - 1] == '\r'))
    {
        value.len--;
    }

    if (ngx_leadgen_deliver_is(&value, "X-Sentry-Rate-Limits:")) {
        value.len = ngx_min(value.len, NGX_LEADGEN_LIMITS_HEADER);

        deliver->has_limits = 1;
        ngx_leadgen_limits_parse(&value, &deliver->answer->limits);

    } else if (ngx_leadgen_deliver_is(&value, "Retry-After:")
               && value.len <= sizeof(deliver->retry))
    {
        deliver->retry_len = value.len;
        ngx_memcpy(deliver->retry, value.data, value.len);
    }

    return size * n;
}


static ngx_uint_t
ngx_leadgen_deliver_is(ngx_str_t *line, const char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    if (line->len < len
        || ngx_strncasecmp(line->data, (u_char *) name, len) != 0)
    {
        return 0;
    }

    line->data += len;
    line->len -= len;

    return 1;
}


/* What Sentry writes is nothing to us, as long as it is short. */

static size_t
ngx_leadgen_deliver_body(char *text, size_t size, size_t n, void *data)
{
    ngx_leadgen_deliver_t  *deliver = data;

    deliver->received += size * n;

    return deliver->received > NGX_LEADGEN_SENTRY_ITEM_MAX ? 0 : size * n;
}


/* A worker that exits waits for its threads: about once a second this is asked
 * while Sentry is silent. */

static int
ngx_leadgen_deliver_progress(void *data, curl_off_t down,
    curl_off_t downloaded, curl_off_t up, curl_off_t uploaded)
{
    return ngx_exiting || ngx_terminate || ngx_quit;
}
