
/*
 * DSNs: {scheme}://{key}[:{secret}]@{host}[:{port}]{/path}/{project} goes in,
 * the URL that envelopes are posted to and the header that says whose they are
 * come out.
 */


#include "ngx_leadgen_sentry.h"


#define NGX_LEADGEN_DSN_MAX  1024


/* Where the parts of a DSN stand in it. */

typedef struct {
    ngx_str_t   scheme;         /* with "://" */
    ngx_str_t   key;
    ngx_str_t   secret;         /* len 0: none */
    ngx_str_t   place;          /* host and port */
    ngx_str_t   path;           /* "" or "/a/b" */
    ngx_str_t   project;
} ngx_leadgen_dsn_parts_t;


static const char *ngx_leadgen_dsn_split(const ngx_str_t *dsn,
    ngx_leadgen_dsn_parts_t *parts);
static const char *ngx_leadgen_dsn_user(const ngx_str_t *user,
    ngx_leadgen_dsn_parts_t *parts);
static const char *ngx_leadgen_dsn_place(const ngx_str_t *place);
static ngx_uint_t ngx_leadgen_dsn_is_made_of(const ngx_str_t *text,
    const char *others);
static ngx_int_t ngx_leadgen_dsn_write(ngx_pool_t *pool,
    const ngx_leadgen_dsn_parts_t *parts, ngx_leadgen_dsn_t *target);


const char *
ngx_leadgen_dsn_parse(ngx_pool_t *pool, const ngx_str_t *dsn,
    ngx_leadgen_dsn_t *target)
{
    const char               *wrong;
    ngx_leadgen_dsn_parts_t   parts;

    wrong = ngx_leadgen_dsn_split(dsn, &parts);
    if (wrong) {
        return wrong;
    }

    if (ngx_leadgen_dsn_write(pool, &parts, target) != NGX_OK) {
        return "finds no memory";
    }

    return NULL;
}


static const char *
ngx_leadgen_dsn_split(const ngx_str_t *dsn, ngx_leadgen_dsn_parts_t *parts)
{
    u_char      *p, *at, *slash, *last;
    ngx_str_t    user;
    const char  *wrong;

    p = dsn->data;
    last = p + dsn->len;

    if (dsn->len > NGX_LEADGEN_DSN_MAX) {
        return "is too long";
    }

    if (dsn->len > 8 && ngx_strncmp(p, "https://", 8) == 0) {
        parts->scheme.len = 8;

    } else if (dsn->len > 7 && ngx_strncmp(p, "http://", 7) == 0) {
        parts->scheme.len = 7;

    } else {
        return "must begin with https:// or http://";
    }

    parts->scheme.data = p;
    p += parts->scheme.len;

    at = ngx_strlchr(p, last, '@');
    if (at == NULL) {
        return "has no public key: https://KEY@HOST/PROJECT";
    }

    user.data = p;
    user.len = at - p;

    wrong = ngx_leadgen_dsn_user(&user, parts);
    if (wrong) {
        return wrong;
    }

    p = at + 1;
    slash = ngx_strlchr(p, last, '/');

    parts->place.data = p;
    parts->place.len = (slash ? slash : last) - p;

    wrong = ngx_leadgen_dsn_place(&parts->place);
    if (wrong) {
        return wrong;
    }

    if (slash == NULL) {
        return "has no project";
    }

    for (p = last; p[-1] != '/'; p--) { /* void */ }

    parts->path.data = slash;
    parts->path.len = p - 1 - slash;
    parts->project.data = p;
    parts->project.len = last - p;

    if (parts->project.len == 0
        || !ngx_leadgen_dsn_is_made_of(&parts->project, "-_"))
    {
        return "has no project of letters and digits at its end";
    }

    if (!ngx_leadgen_dsn_is_made_of(&parts->path, "-_./")) {
        return "has a path of other characters than letters, digits and -_./";
    }

    return NULL;
}


static const char *
ngx_leadgen_dsn_user(const ngx_str_t *user, ngx_leadgen_dsn_parts_t *parts)
{
    u_char  *colon;

    colon = ngx_strlchr(user->data, user->data + user->len, ':');

    parts->key = *user;
    ngx_str_null(&parts->secret);

    if (colon) {
        parts->key.len = colon - user->data;
        parts->secret.data = colon + 1;
        parts->secret.len = user->data + user->len - parts->secret.data;
    }

    if (parts->key.len == 0 || !ngx_leadgen_dsn_is_made_of(&parts->key, "-_"))
    {
        return "has no public key of letters and digits";
    }

    if (!ngx_leadgen_dsn_is_made_of(&parts->secret, "-_")) {
        return "has a secret key of other characters than letters and digits";
    }

    return NULL;
}


static const char *
ngx_leadgen_dsn_place(const ngx_str_t *place)
{
    u_char     *p, *last;
    ngx_int_t   port;
    ngx_str_t   host;

    last = place->data + place->len;
    host = *place;

    if (place->len && place->data[0] == '[') {
        p = ngx_strlchr(place->data, last, ']');

        if (p == NULL) {
            return "has a \"[\" without \"]\"";
        }

        host.data++;
        host.len = p - host.data;
        p++;

        if (!ngx_leadgen_dsn_is_made_of(&host, ":.")) {
            return "has no host";
        }

    } else {
        p = ngx_strlchr(place->data, last, ':');
        p = p ? p : last;
        host.len = p - place->data;

        if (!ngx_leadgen_dsn_is_made_of(&host, "-._")) {
            return "has no host of letters, digits, \"-\" and \".\"";
        }
    }

    if (host.len == 0) {
        return "has no host";
    }

    if (p == last) {
        return NULL;
    }

    port = (*p == ':' && last - p <= 6) ? ngx_atoi(p + 1, last - p - 1)
                                        : NGX_ERROR;

    return (port < 1 || port > 65535) ? "has no port from 1 to 65535" : NULL;
}


/* Of letters, digits and these: nothing that could end a header or a URL. */

static ngx_uint_t
ngx_leadgen_dsn_is_made_of(const ngx_str_t *text, const char *others)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (c && ngx_strchr(others, c))))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_leadgen_dsn_write(ngx_pool_t *pool, const ngx_leadgen_dsn_parts_t *parts,
    ngx_leadgen_dsn_t *target)
{
    u_char  *p;

    static const u_char  client[] = "X-Sentry-Auth: Sentry sentry_version=7, "
                                    "sentry_client=" NGX_LEADGEN_SENTRY_CLIENT
                                    ", sentry_key=";
    static const u_char  secret[] = ", sentry_secret=";

    target->url.len = parts->scheme.len + parts->place.len + parts->path.len
                      + sizeof("/api//envelope/") - 1 + parts->project.len;
    target->auth.len = sizeof(client) - 1 + parts->key.len
                       + (parts->secret.len
                          ? sizeof(secret) - 1 + parts->secret.len : 0);

    target->url.data = ngx_pnalloc(pool, target->url.len + 1);
    target->auth.data = ngx_pnalloc(pool, target->auth.len + 1);

    if (target->url.data == NULL || target->auth.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(target->url.data, "%V%V%V/api/%V/envelope/",
                    &parts->scheme, &parts->place, &parts->path,
                    &parts->project);
    *p = '\0';

    p = ngx_cpymem(target->auth.data, client, sizeof(client) - 1);
    p = ngx_cpymem(p, parts->key.data, parts->key.len);

    if (parts->secret.len) {
        p = ngx_cpymem(p, secret, sizeof(secret) - 1);
        p = ngx_cpymem(p, parts->secret.data, parts->secret.len);
    }

    *p = '\0';

    target->key = parts->key;

    return NGX_OK;
}
