
/*
 * Probes: a URL goes in, is asked by libcurl in a thread, and how that went
 * comes out.
 */


#include "ngx_leadgen_io.h"
#include <curl/curl.h>


#define NGX_LEADGEN_PROBE_URL_MAX  2048     /* bytes */
#define NGX_LEADGEN_PROBE_AGENT    "leadgen/" NGX_LEADGEN_VERSION


static CURLcode ngx_leadgen_probe_ask(CURL *curl, const char *url,
    long timeout);
static CURLcode ngx_leadgen_probe_speak(CURL *curl, const char *url);
static size_t ngx_leadgen_probe_discard(char *data, size_t size, size_t n,
    void *unused);
static void ngx_leadgen_probe_judge(CURLcode rc, long status,
    ngx_leadgen_status_t *found);


ngx_int_t
ngx_leadgen_probe_init(ngx_log_t *log)
{
    CURLcode  rc;

    rc = curl_global_init(CURL_GLOBAL_DEFAULT);

    if (rc != CURLE_OK) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "leadgen: probe: could not start libcurl: %s",
                      curl_easy_strerror(rc));
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_leadgen_probe_exit(void)
{
    curl_global_cleanup();
}


const char *
ngx_leadgen_probe_check(const ngx_str_t *url)
{
    char        *part;
    CURLU       *parts;
    const char  *wrong;

    if (url->len >= NGX_LEADGEN_PROBE_URL_MAX
        || ngx_strlchr(url->data, url->data + url->len, '\0'))
    {
        return "is too long, or has a zero byte";
    }

    parts = curl_url();
    if (parts == NULL) {
        return "could not be checked, memory is out";
    }

    wrong = "is not http://HOST[:PORT][/PATH], or https";

    if (curl_url_set(parts, CURLUPART_URL, (char *) url->data, 0) == CURLUE_OK
        && curl_url_get(parts, CURLUPART_SCHEME, &part, 0) == CURLUE_OK)
    {
        if (ngx_strcmp(part, "http") == 0 || ngx_strcmp(part, "https") == 0) {
            wrong = NULL;
        }

        curl_free(part);
    }

    curl_url_cleanup(parts);

    return wrong;
}


ssize_t
ngx_leadgen_probe_work(const ngx_str_t *args, ngx_uint_t nargs, u_char *answer,
    size_t size)
{
    char                  *url;
    CURL                  *curl;
    long                   status;
    uint64_t               began;
    CURLcode               rc;
    ngx_leadgen_status_t   found;

    url = strndup((char *) args[0].data, args[0].len);
    curl = curl_easy_init();
    rc = CURLE_OUT_OF_MEMORY;
    status = 0;
    began = ngx_leadgen_time_monotonic();

    if (url && curl) {
        rc = ngx_leadgen_probe_ask(curl, url, ngx_atoi(args[1].data,
                                                       args[1].len));
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }

    ngx_memzero(&found, sizeof(ngx_leadgen_status_t));
    found.latency = ngx_leadgen_time_monotonic() - began;
    ngx_leadgen_probe_judge(rc, status, &found);

    if (url) {
        ngx_explicit_memzero(url, ngx_strlen(url));
    }

    curl_easy_cleanup(curl);
    free(url);

    ngx_memcpy(answer, &found, sizeof(ngx_leadgen_status_t));

    return sizeof(ngx_leadgen_status_t);
}


/* No redirect is followed: who is asked stands in the configuration. */

static CURLcode
ngx_leadgen_probe_ask(CURL *curl, const char *url, long timeout)
{
    CURLcode  rc;

    if ((rc = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                               "http,https,smtp,smtps"))
        || (rc = curl_easy_setopt(curl, CURLOPT_URL, url))
        || (rc = curl_easy_setopt(curl, CURLOPT_PROXY, ""))
        || (rc = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L))
        || (rc = curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L))
        || (rc = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout))
        || (rc = curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout))
        || (rc = curl_easy_setopt(curl, CURLOPT_USERAGENT,
                                  NGX_LEADGEN_PROBE_AGENT))
        || (rc = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION,
                                  ngx_leadgen_probe_discard))
        || (rc = ngx_leadgen_probe_speak(curl, url)))
    {
        return rc;
    }

    return curl_easy_perform(curl);
}


/*
 * To connect to a mail server is to hear its greeting, say EHLO, STARTTLS where
 * that is offered, and log in.  As in mails: with a login, TLS must be right.
 */

static CURLcode
ngx_leadgen_probe_speak(CURL *curl, const char *url)
{
    long      required;
    CURLcode  rc;

    if (ngx_strncasecmp((u_char *) url, (u_char *) "smtp", 4) != 0) {
        return CURLE_OK;
    }

    required = ngx_strncasecmp((u_char *) url, (u_char *) "smtps:", 6) == 0
               || ngx_strchr(url, '@') != NULL;

    if ((rc = curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L))
        || (rc = curl_easy_setopt(curl, CURLOPT_USE_SSL,
                                  required ? CURLUSESSL_ALL : CURLUSESSL_TRY))
        || (rc = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, required))
        || (rc = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST,
                                  required ? 2L : 0L)))
    {
        return rc;
    }

    return CURLE_OK;
}


static size_t
ngx_leadgen_probe_discard(char *data, size_t size, size_t n, void *unused)
{
    return size * n;
}


static void
ngx_leadgen_probe_judge(CURLcode rc, long status, ngx_leadgen_status_t *found)
{
    switch (rc) {

    case CURLE_OK:
        found->error = NGX_LEADGEN_STATUS_OK;

        if (status >= 400) {
            found->error = NGX_LEADGEN_STATUS_ANSWER;
            found->code = status;
        }

        return;

    case CURLE_OPERATION_TIMEDOUT:
        found->error = NGX_LEADGEN_STATUS_NO_ANSWER;
        return;

    case CURLE_COULDNT_CONNECT:
        found->error = NGX_LEADGEN_STATUS_NOT_REACHABLE;
        return;

    case CURLE_COULDNT_RESOLVE_HOST:
        found->error = NGX_LEADGEN_STATUS_NO_ADDRESS;
        return;

    case CURLE_LOGIN_DENIED:
        found->error = NGX_LEADGEN_STATUS_LOGIN;
        return;

    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
        found->error = NGX_LEADGEN_STATUS_TLS;
        return;

    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
        found->error = NGX_LEADGEN_STATUS_LOST;
        return;

    default:
        found->error = NGX_LEADGEN_STATUS_PROTOCOL;
        return;
    }
}
