
/*
 * Mails leave: a message goes in and is sent by libcurl in a thread, "ok" comes
 * out, or why not.
 */


#include "ngx_leadgen_message.h"
#include "ngx_leadgen_io.h"
#include <curl/curl.h>


#define NGX_LEADGEN_MAIL_CONNECT  5000      /* milliseconds */
#define NGX_LEADGEN_MAIL_URL_MAX  2048      /* bytes */


/* Lifetime: one transfer. */

typedef struct {
    u_char   *p;
    u_char   *last;
} ngx_leadgen_mail_source_t;


static const char *ngx_leadgen_mail_check_parts(CURLU *parts);
static ngx_uint_t ngx_leadgen_mail_has(CURLU *parts, CURLUPart part);
static const char *ngx_leadgen_mail_scheme(CURLU *parts);
static CURLcode ngx_leadgen_mail_transfer(CURL *curl, const ngx_str_t *args,
    ngx_leadgen_mail_source_t *source);
static CURLcode ngx_leadgen_mail_secure(CURL *curl, const char *url);
static CURLcode ngx_leadgen_mail_perform(CURL *curl, const ngx_str_t *args);
static size_t ngx_leadgen_mail_read(char *buffer, size_t size, size_t n,
    void *data);
static ssize_t ngx_leadgen_mail_answer(u_char *answer, size_t size,
    const char *reason, long status);


const char *
ngx_leadgen_mail_check_url(const ngx_str_t *url)
{
    CURLU       *parts;
    const char  *wrong;

    if (url->len >= NGX_LEADGEN_MAIL_URL_MAX
        || ngx_strlchr(url->data, url->data + url->len, '\0'))
    {
        return "is too long, or has a zero byte";
    }

    parts = curl_url();
    if (parts == NULL) {
        return "could not be checked, memory is out";
    }

    wrong = "is not smtp://[user:password@]host[:port], or smtps";

    if (curl_url_set(parts, CURLUPART_URL, (char *) url->data, 0) == CURLUE_OK)
    {
        wrong = ngx_leadgen_mail_check_parts(parts);
    }

    curl_url_cleanup(parts);

    return wrong;
}


static const char *
ngx_leadgen_mail_check_parts(CURLU *parts)
{
    char        *path;
    ngx_uint_t   bare;
    const char  *wrong;

    wrong = ngx_leadgen_mail_scheme(parts);
    if (wrong) {
        return wrong;
    }

    if (ngx_leadgen_mail_has(parts, CURLUPART_USER)
        != ngx_leadgen_mail_has(parts, CURLUPART_PASSWORD))
    {
        return "has a user without password, or escapes that are not %HH";
    }

    /* libcurl would greet the server by a path's name */

    if (curl_url_get(parts, CURLUPART_PATH, &path, 0) != CURLUE_OK) {
        return "could not be checked, memory is out";
    }

    bare = ngx_strcmp(path, "/") == 0;
    curl_free(path);

    if (!bare
        || ngx_leadgen_mail_has(parts, CURLUPART_QUERY)
        || ngx_leadgen_mail_has(parts, CURLUPART_FRAGMENT)
        || ngx_leadgen_mail_has(parts, CURLUPART_OPTIONS))
    {
        return "has more than user, password, host and port";
    }

    return NULL;
}


static const char *
ngx_leadgen_mail_scheme(CURLU *parts)
{
    char        *scheme;
    ngx_uint_t   known;

    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        return "could not be checked, memory is out";
    }

    known = ngx_strcmp(scheme, "smtp") == 0
            || ngx_strcmp(scheme, "smtps") == 0;
    curl_free(scheme);

    return known ? NULL : "does not begin with smtp:// or smtps://";
}


/* Whether there is such a part, and not an empty or an undecodable one. */

static ngx_uint_t
ngx_leadgen_mail_has(CURLU *parts, CURLUPart part)
{
    char        *value;
    ngx_uint_t   has;

    if (curl_url_get(parts, part, &value, CURLU_URLDECODE) != CURLUE_OK) {
        return 0;
    }

    has = value[0] != '\0';
    curl_free(value);

    return has;
}


const char *
ngx_leadgen_mail_check_address(const ngx_str_t *address)
{
    return ngx_leadgen_message_check_address(address);
}


ngx_int_t
ngx_leadgen_mail_init(ngx_log_t *log)
{
    CURLcode  rc;

    rc = curl_global_init(CURL_GLOBAL_DEFAULT);

    if (rc != CURLE_OK) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "leadgen: mail: could not start libcurl: %s",
                      curl_easy_strerror(rc));
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_leadgen_mail_exit(void)
{
    curl_global_cleanup();
}


ssize_t
ngx_leadgen_mail_send(const ngx_str_t *args, ngx_uint_t nargs, u_char *answer,
    size_t size)
{
    CURL                       *curl;
    long                        status;
    u_char                     *start;
    CURLcode                    rc;
    const char                 *wrong;
    ngx_leadgen_message_t       message;
    ngx_leadgen_mail_source_t   source;

    if (nargs != NGX_LEADGEN_MAIL_NARGS) {
        return NGX_ERROR;
    }

    message.from = args[NGX_LEADGEN_MAIL_FROM];
    message.to = args[NGX_LEADGEN_MAIL_TO];
    message.subject = args[NGX_LEADGEN_MAIL_SUBJECT];
    message.text = args[NGX_LEADGEN_MAIL_TEXT];
    message.id = args[NGX_LEADGEN_MAIL_ID];
    message.date = time(NULL);

    wrong = ngx_leadgen_message_check(&message);
    if (wrong) {
        return ngx_leadgen_mail_answer(answer, size, wrong, 0);
    }

    start = malloc(ngx_leadgen_message_size(&message));
    curl = curl_easy_init();
    status = 0;
    rc = CURLE_OUT_OF_MEMORY;

    if (start && curl) {
        source.p = start;
        source.last = ngx_leadgen_message_write(start, &message);

        rc = ngx_leadgen_mail_transfer(curl, args, &source);
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);

        ngx_explicit_memzero(start, source.last - start);
    }

    curl_easy_cleanup(curl);
    free(start);

    return ngx_leadgen_mail_answer(answer, size,
                                   rc ? curl_easy_strerror(rc) : "ok",
                                   rc && status >= 400 ? status : 0);
}


/* The environment has no say: nginx cleared it, and a proxy speaks no SMTP. */

static CURLcode
ngx_leadgen_mail_transfer(CURL *curl, const ngx_str_t *args,
    ngx_leadgen_mail_source_t *source)
{
    char       *url;
    CURLcode    rc;
    ngx_int_t   timeout;

    timeout = ngx_atoi(args[NGX_LEADGEN_MAIL_TIMEOUT].data,
                       args[NGX_LEADGEN_MAIL_TIMEOUT].len);
    url = strndup((char *) args[NGX_LEADGEN_MAIL_URL].data,
                  args[NGX_LEADGEN_MAIL_URL].len);

    if (timeout <= 0 || url == NULL) {
        free(url);
        return CURLE_BAD_FUNCTION_ARGUMENT;
    }

    if ((rc = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps"))
        || (rc = curl_easy_setopt(curl, CURLOPT_URL, url))
        || (rc = curl_easy_setopt(curl, CURLOPT_PROXY, ""))
        || (rc = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L))
        || (rc = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) timeout))
        || (rc = curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                                  (long) NGX_LEADGEN_MAIL_CONNECT))
        || (rc = curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L))
        || (rc = curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                                  (curl_off_t) (source->last - source->p)))
        || (rc = curl_easy_setopt(curl, CURLOPT_READFUNCTION,
                                  ngx_leadgen_mail_read))
        || (rc = curl_easy_setopt(curl, CURLOPT_READDATA, source))
        || (rc = ngx_leadgen_mail_secure(curl, url)))
    {
        free(url);
        return rc;
    }

    free(url);

    return ngx_leadgen_mail_perform(curl, args);
}


/*
 * A password goes to nobody but the server that was meant.  Without one TLS is
 * used where it is offered, whatever the certificate: to refuse it would leave
 * clear text.
 */

static CURLcode
ngx_leadgen_mail_secure(CURL *curl, const char *url)
{
    long      required;
    CURLcode  rc;

    required = ngx_strncasecmp((u_char *) url, (u_char *) "smtps:", 6) == 0
               || ngx_strchr(url, '@') != NULL;

    if ((rc = curl_easy_setopt(curl, CURLOPT_USE_SSL,
                               required ? CURLUSESSL_ALL : CURLUSESSL_TRY))
        || (rc = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, required))
        || (rc = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST,
                                  required ? 2L : 0L)))
    {
        return rc;
    }

    return CURLE_OK;
}


static CURLcode
ngx_leadgen_mail_perform(CURL *curl, const ngx_str_t *args)
{
    char                from[256], to[256];
    CURLcode            rc;
    struct curl_slist  *recipients;

    /* they are addresses, and so short enough */

    (void) ngx_snprintf((u_char *) from, sizeof(from), "%V%Z",
                        &args[NGX_LEADGEN_MAIL_FROM]);
    (void) ngx_snprintf((u_char *) to, sizeof(to), "%V%Z",
                        &args[NGX_LEADGEN_MAIL_TO]);

    recipients = curl_slist_append(NULL, to);
    if (recipients == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }

    if ((rc = curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from)) == CURLE_OK
        && (rc = curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients))
           == CURLE_OK)
    {
        rc = curl_easy_perform(curl);
    }

    curl_slist_free_all(recipients);

    return rc;
}


static size_t
ngx_leadgen_mail_read(char *buffer, size_t size, size_t n, void *data)
{
    ngx_leadgen_mail_source_t  *source = data;

    n = ngx_min(size * n, (size_t) (source->last - source->p));

    ngx_memcpy(buffer, source->p, n);
    source->p += n;

    return n;
}


static ssize_t
ngx_leadgen_mail_answer(u_char *answer, size_t size, const char *reason,
    long status)
{
    u_char  *p;

    p = status ? ngx_snprintf(answer, size, "%s (SMTP %l)", reason, status)
               : ngx_snprintf(answer, size, "%s", reason);

    return p - answer;
}
