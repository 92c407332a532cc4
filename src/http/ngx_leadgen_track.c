
/*
 * Tracking: what a mail's reader asks for comes in, a picture of one pixel, the
 * page behind a link or one to unsubscribe on goes out, and a hit goes into the
 * spool.
 *
 * The path ends in o/TOKEN.gif, c/TOKEN or u/TOKEN.  A token is, in base64url
 * without padding,
 *
 *     MAC (16 bytes)  VERSION (1 byte: 1)  MESSAGE (16 bytes, a UUID)  URL
 *
 * MAC being the first half of HMAC-SHA-256, with the text of the key, of "o",
 * "c" or "u" and of all that follows upon it; URL is that of a link, and empty
 * otherwise.  An address that nobody signed is gone to by nobody.
 */


#include "ngx_leadgen_ctx.h"
#include <openssl/crypto.h>
#include <openssl/hmac.h>


#define NGX_LEADGEN_TRACK_MAC      16       /* bytes */
#define NGX_LEADGEN_TRACK_VERSION  1
#define NGX_LEADGEN_TRACK_HEAD     (1 + NGX_LEADGEN_UUID_SIZE)
#define NGX_LEADGEN_TRACK_URL      2048     /* bytes, at most */
#define NGX_LEADGEN_TRACK_SIZE     (NGX_LEADGEN_TRACK_MAC                     \
                                    + NGX_LEADGEN_TRACK_HEAD                  \
                                    + NGX_LEADGEN_TRACK_URL)


static ngx_int_t ngx_leadgen_track_token(const ngx_str_t *path, u_char *kind,
    ngx_str_t *token);
static ngx_int_t ngx_leadgen_track_verify(ngx_http_request_t *r, u_char kind,
    const ngx_str_t *token, ngx_str_t *message, ngx_str_t *url);
static ngx_uint_t ngx_leadgen_track_is_url(const ngx_str_t *url);
static ngx_int_t ngx_leadgen_track_record(ngx_http_request_t *r, u_char kind,
    const ngx_str_t *message, const ngx_str_t *url);
static ngx_int_t ngx_leadgen_track_page(ngx_http_request_t *r);
static ngx_int_t ngx_leadgen_track_redirect(ngx_http_request_t *r,
    ngx_str_t *url);


/* transparent, 1 by 1 */

static ngx_str_t  ngx_leadgen_track_gif = ngx_string(
    "GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00"
    "\x21\xf9\x04\x01\x00\x00\x00\x00"
    "\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00"
    "\x02\x02\x44\x01\x00\x3b");


#define ngx_leadgen_track_html(text)                                          \
    ngx_string("<!doctype html>\n<html lang=\"en\">\n"                       \
               "<meta name=\"viewport\" content=\"width=device-width\">\n"  \
               "<title>Unsubscribe</title>\n" text)

static ngx_str_t  ngx_leadgen_track_question = ngx_leadgen_track_html(
    "<h1>Unsubscribe</h1>\n"
    "<form method=\"post\">\n"
    "<p>Shall no more of these mails be sent to you?</p>\n"
    "<button name=\"List-Unsubscribe\" value=\"One-Click\">Unsubscribe"
    "</button>\n"
    "</form>\n");

static ngx_str_t  ngx_leadgen_track_thanks = ngx_leadgen_track_html(
    "<h1>You are unsubscribed</h1>\n"
    "<p>No more of these mails will be sent to you.</p>\n");


ngx_int_t
ngx_leadgen_track_handler(ngx_http_request_t *r)
{
    u_char      kind;
    ngx_int_t   rc;
    ngx_str_t   token, message, url;
    ngx_uint_t  is_known, methods;

    kind = 0;
    is_known = ngx_leadgen_track_token(&r->uri, &kind, &token) == NGX_OK;

    methods = NGX_HTTP_GET|NGX_HTTP_HEAD;
    if (is_known && kind == 'u') {
        methods |= NGX_HTTP_POST;
    }

    rc = ngx_leadgen_health_takes(r, methods);
    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    if (!is_known
        || ngx_leadgen_track_verify(r, kind, &token, &message, &url) != NGX_OK)
    {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_NOT_FOUND,
                                         NULL, NULL);
    }

    if (r->method == (kind == 'u' ? NGX_HTTP_POST : NGX_HTTP_GET)
        && ngx_leadgen_track_record(r, kind, &message, &url) != NGX_OK
        && kind == 'u')
    {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_BUSY, NULL,
                                         NULL);
    }

    switch (kind) {

    case 'o':
        return ngx_leadgen_reply_send(r, NGX_HTTP_OK, "image/gif",
                                      &ngx_leadgen_track_gif);

    case 'u':
        return ngx_leadgen_track_page(r);

    default:
        return ngx_leadgen_track_redirect(r, &url);
    }
}


static ngx_int_t
ngx_leadgen_track_token(const ngx_str_t *path, u_char *kind, ngx_str_t *token)
{
    u_char  *p, *last;

    last = path->data + path->len;

    for (p = last; p > path->data && p[-1] != '/'; p--) { /* void */ }

    if (p - path->data < 3 || p[-3] != '/') {
        return NGX_ERROR;
    }

    *kind = p[-2];
    token->data = p;
    token->len = last - p;

    if (*kind == 'o') {

        if (token->len < 4 || ngx_memcmp(last - 4, ".gif", 4) != 0) {
            return NGX_ERROR;
        }

        token->len -= 4;

        return NGX_OK;
    }

    return *kind == 'c' || *kind == 'u' ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_track_verify(ngx_http_request_t *r, u_char kind,
    const ngx_str_t *token, ngx_str_t *message, ngx_str_t *url)
{
    u_char                       *mac, *text, digest[EVP_MAX_MD_SIZE];
    size_t                        len;
    ngx_str_t                     decoded;
    unsigned int                  size;
    ngx_leadgen_location_conf_t  *lcf;

    if (token->len > ngx_base64_encoded_length(NGX_LEADGEN_TRACK_SIZE)) {
        return NGX_ERROR;
    }

    decoded.data = ngx_pnalloc(r->pool, token->len);
    mac = ngx_pnalloc(r->pool, NGX_LEADGEN_TRACK_MAC + NGX_LEADGEN_UUID_TEXT);

    if (decoded.data == NULL || mac == NULL
        || ngx_leadgen_jws_decode(&decoded, token) != NGX_OK
        || decoded.len < NGX_LEADGEN_TRACK_MAC + NGX_LEADGEN_TRACK_HEAD
        || decoded.len > NGX_LEADGEN_TRACK_SIZE)
    {
        return NGX_ERROR;
    }

    /* the kind takes the place of the MAC's last byte, before what is signed */

    ngx_memcpy(mac, decoded.data, NGX_LEADGEN_TRACK_MAC);

    text = decoded.data + NGX_LEADGEN_TRACK_MAC - 1;
    len = decoded.len - NGX_LEADGEN_TRACK_MAC + 1;
    *text = kind;

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    if (HMAC(EVP_sha256(), lcf->tracking_key.data,
             (int) lcf->tracking_key.len, text, len, digest, &size) == NULL
        || CRYPTO_memcmp(digest, mac, NGX_LEADGEN_TRACK_MAC) != 0
        || text[1] != NGX_LEADGEN_TRACK_VERSION)
    {
        return NGX_ERROR;
    }

    message->data = mac + NGX_LEADGEN_TRACK_MAC;
    message->len = NGX_LEADGEN_UUID_TEXT;
    (void) ngx_leadgen_uuid_format(message->data, &text[2]);

    url->data = text + 1 + NGX_LEADGEN_TRACK_HEAD;
    url->len = len - 1 - NGX_LEADGEN_TRACK_HEAD;

    return kind == 'c' ? (ngx_leadgen_track_is_url(url) ? NGX_OK : NGX_ERROR)
                       : (url->len == 0 ? NGX_OK : NGX_ERROR);
}


/* Signed or not: of the web, and nothing that would end a header's line. */

static ngx_uint_t
ngx_leadgen_track_is_url(const ngx_str_t *url)
{
    ngx_uint_t  i;

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] >= 0x7f) {
            return 0;
        }
    }

    return (url->len > 8 && ngx_strncasecmp(url->data, (u_char *) "https://", 8)
                            == 0)
           || (url->len > 7
               && ngx_strncasecmp(url->data, (u_char *) "http://", 7) == 0);
}


/* When the spool has no room a hit is lost, and counted there: a reader waits
 * for nobody's statistics.  Who unsubscribes must be told, to do it again. */

static ngx_int_t
ngx_leadgen_track_record(ngx_http_request_t *r, u_char kind,
    const ngx_str_t *message, const ngx_str_t *url)
{
    ngx_leadgen_ctx_t    *ctx;
    ngx_leadgen_event_t   event;

    ctx = ngx_leadgen_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&event, sizeof(ngx_leadgen_event_t));
    ngx_memcpy(event.id, ctx->id, NGX_LEADGEN_UUID_SIZE);

    event.time = ngx_leadgen_time_now();
    event.action = kind == 'o' ? NGX_LEADGEN_ACTION_EMAIL_OPENED
                   : kind == 'c' ? NGX_LEADGEN_ACTION_EMAIL_CLICKED
                                 : NGX_LEADGEN_ACTION_EMAIL_UNSUBSCRIBED;
    event.outcome = NGX_LEADGEN_OUTCOME_SUCCESS;

    event.text[NGX_LEADGEN_EVENT_RESOURCE_ID] = *message;
    event.text[NGX_LEADGEN_EVENT_PATH] = *url;
    event.text[NGX_LEADGEN_EVENT_IP_ADDRESS] = r->connection->addr_text;

    if (r->headers_in.user_agent) {
        event.text[NGX_LEADGEN_EVENT_USER_AGENT] =
                                             r->headers_in.user_agent->value;
    }

    return ngx_leadgen_event_append(&event, 0, 0);
}


/*
 * Programs follow links of mails, too: to look is not to unsubscribe.  That
 * takes a POST, of the page's button or of the reader's mail program (RFC
 * 8058), which has neither a cookie nor a login.
 */

static ngx_int_t
ngx_leadgen_track_page(ngx_http_request_t *r)
{
    ngx_str_t  none = ngx_string("no-referrer");
    ngx_str_t  policy = ngx_string("default-src 'none'; form-action 'self'; "
                                   "base-uri 'none'; frame-ancestors 'none'");

    if (ngx_leadgen_reply_header(r, "Content-Security-Policy", &policy)
        != NGX_OK
        || ngx_leadgen_reply_header(r, "Referrer-Policy", &none) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_leadgen_reply_send(r, NGX_HTTP_OK, "text/html; charset=utf-8",
                                  r->method == NGX_HTTP_POST
                                  ? &ngx_leadgen_track_thanks
                                  : &ngx_leadgen_track_question);
}


static ngx_int_t
ngx_leadgen_track_redirect(ngx_http_request_t *r, ngx_str_t *url)
{
    ngx_str_t  none = ngx_string("no-referrer");
    ngx_str_t  no_store = ngx_string("no-store");

    if (ngx_leadgen_reply_header(r, "Cache-Control", &no_store) != NGX_OK
        || ngx_leadgen_reply_header(r, "Location", url) != NGX_OK
        || ngx_leadgen_reply_header(r, "Referrer-Policy", &none) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_MOVED_TEMPORARILY;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}
