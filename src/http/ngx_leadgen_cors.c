
/*
 * CORS (fetch.spec.whatwg.org): an Origin goes in, what its pages may do comes
 * out.  It decides nothing here: a request still needs what its route says.
 */


#include "ngx_leadgen_ctx.h"


/* Lifetime: cycle. */

struct ngx_leadgen_cors_s {
    ngx_array_t  origins;                   /* ngx_str_t */
    unsigned     any:1;                     /* "*" */
    unsigned     credentials:1;
    ngx_str_t    headers;                   /* that a page may send */
    ngx_str_t    expose;                    /* that a page may read */
    ngx_str_t    age;
};


static char *ngx_leadgen_cors_word(ngx_conf_t *cf, ngx_leadgen_cors_t *cors,
    ngx_str_t *word);
static char *ngx_leadgen_cors_names(ngx_conf_t *cf, ngx_str_t *names,
    const ngx_str_t *word, size_t skip);
static ngx_uint_t ngx_leadgen_cors_is_origin(const ngx_str_t *word);
static const ngx_str_t *ngx_leadgen_cors_header(ngx_http_request_t *r,
    const char *name);
static ngx_uint_t ngx_leadgen_cors_knows(const ngx_leadgen_cors_t *cors,
    const ngx_str_t *origin);
static void ngx_leadgen_cors_clear(ngx_http_request_t *r);
static ngx_uint_t ngx_leadgen_cors_same(const ngx_str_t *name,
    const ngx_str_t *other);


static const ngx_str_t  ngx_leadgen_cors_any = ngx_string("*");
static const ngx_str_t  ngx_leadgen_cors_true = ngx_string("true");
static const ngx_str_t  ngx_leadgen_cors_vary = ngx_string("Origin");
static const ngx_str_t  ngx_leadgen_cors_methods =
    ngx_string("GET, HEAD, POST, PUT, PATCH, DELETE");


/* "off", or origins and options. */

char *
ngx_leadgen_cors_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_location_conf_t  *lcf = conf;

    char                *rv;
    ngx_str_t           *word;
    ngx_uint_t           i;
    ngx_leadgen_cors_t  *cors;

    if (lcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    word = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(word[1].data, "off") == 0) {
        lcf->cors = NULL;
        return NGX_CONF_OK;
    }

    cors = ngx_pcalloc(cf->pool, sizeof(ngx_leadgen_cors_t));

    if (cors == NULL
        || ngx_array_init(&cors->origins, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&cors->headers, "Authorization, Content-Type");
    ngx_str_set(&cors->expose, "X-Request-Id");
    ngx_str_set(&cors->age, "600");

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_leadgen_cors_word(cf, cors, &word[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (cors->any && (cors->credentials || cors->origins.nelts)) {
        return "has \"*\" beside \"credentials\" or an origin: name all "
               "origins instead";
    }

    if (!cors->any && cors->origins.nelts == 0) {
        return "needs an origin, such as https://app.example.com";
    }

    lcf->cors = cors;

    return NGX_CONF_OK;
}


static char *
ngx_leadgen_cors_word(ngx_conf_t *cf, ngx_leadgen_cors_t *cors, ngx_str_t *word)
{
    time_t     age;
    ngx_str_t  value, *origin;

    if (ngx_strcmp(word->data, "credentials") == 0) {
        cors->credentials = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(word->data, "*") == 0) {
        cors->any = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(word->data, "max_age=", 8) == 0) {
        value.data = word->data + 8;
        value.len = word->len - 8;
        age = ngx_parse_time(&value, 1);

        cors->age.data = ngx_pnalloc(cf->pool, NGX_TIME_T_LEN);
        if (cors->age.data == NULL) {
            return NGX_CONF_ERROR;
        }

        cors->age.len = ngx_sprintf(cors->age.data, "%T", age)
                        - cors->age.data;

        return age == (time_t) NGX_ERROR || age > 86400
               ? "has a max_age= that is not a time of 1d or less"
               : NGX_CONF_OK;
    }

    if (ngx_strncmp(word->data, "headers=", 8) == 0) {
        return ngx_leadgen_cors_names(cf, &cors->headers, word, 8);
    }

    if (ngx_strncmp(word->data, "expose=", 7) == 0) {
        return ngx_leadgen_cors_names(cf, &cors->expose, word, 7);
    }

    if (!ngx_leadgen_cors_is_origin(word)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not an origin, such as "
                           "https://app.example.com or http://localhost:3000, "
                           "in lower case and without a path, nor one of "
                           "\"*\", credentials, headers=, expose= and "
                           "max_age=", word);
        return NGX_CONF_ERROR;
    }

    origin = ngx_array_push(&cors->origins);
    if (origin == NULL) {
        return NGX_CONF_ERROR;
    }

    *origin = *word;

    return NGX_CONF_OK;
}


/* NAME[,NAME...], to be sent with a space behind each comma. */

static char *
ngx_leadgen_cors_names(ngx_conf_t *cf, ngx_str_t *names, const ngx_str_t *word,
    size_t skip)
{
    u_char  c, *p, *q, *last;

    p = word->data + skip;
    last = word->data + word->len;

    q = ngx_pnalloc(cf->pool, 2 * word->len);
    if (q == NULL) {
        return NGX_CONF_ERROR;
    }

    names->data = q;

    for ( /* void */ ; p < last; p++) {
        c = ngx_tolower(*p);

        if (c == ',' && q > names->data && q[-1] != ' ') {
            *q++ = ',';
            *q++ = ' ';

        } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                   || c == '-' || c == '_')
        {
            *q++ = *p;

        } else {
            break;
        }
    }

    names->len = q - names->data;

    if (p < last || names->len == 0 || q[-1] == ' ') {
        return "has headers= or expose= that are no names with commas between";
    }

    return NGX_CONF_OK;
}


/* As a browser writes it: scheme://host[:port], in lower case. */

static ngx_uint_t
ngx_leadgen_cors_is_origin(const ngx_str_t *word)
{
    u_char  *p, *last;

    p = word->data;
    last = p + word->len;

    if (ngx_strncmp(p, "https://", 8) == 0) {
        p += 8;

    } else if (ngx_strncmp(p, "http://", 7) == 0) {
        p += 7;

    } else {
        return 0;
    }

    if (p == last) {
        return 0;
    }

    for ( /* void */ ; p < last; p++) {
        if ((*p < 'a' || *p > 'z') && (*p < '0' || *p > '9')
            && !ngx_strchr(".-:[]", *p))
        {
            return 0;
        }
    }

    return 1;
}


/*
 * A real preflight is one that a browser would have made; any other OPTIONS is
 * a request like others.
 */

ngx_int_t
ngx_leadgen_cors_preflight(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    const ngx_str_t              *origin;
    ngx_leadgen_location_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    if (lcf->cors == NULL
        || r != r->main
        || r->method != NGX_HTTP_OPTIONS
        || r->headers_in.content_length_n > 0
        || r->headers_in.chunked
        || ngx_leadgen_cors_header(r, "Access-Control-Request-Method") == NULL)
    {
        return NGX_DECLINED;
    }

    origin = ngx_leadgen_cors_header(r, "Origin");

    if (origin == NULL || !ngx_leadgen_cors_knows(lcf->cors, origin)) {
        return NGX_DECLINED;
    }

    if (ngx_leadgen_target_check(r->loc_conf, &r->unparsed_uri, &r->uri)
        != NGX_LEADGEN_PROBLEM_NONE)
    {
        return NGX_DECLINED;
    }

    if (ngx_leadgen_reply_header(r, "Access-Control-Allow-Methods",
                                 &ngx_leadgen_cors_methods) != NGX_OK
        || ngx_leadgen_reply_header(r, "Access-Control-Allow-Headers",
                                    &lcf->cors->headers) != NGX_OK
        || ngx_leadgen_reply_header(r, "Access-Control-Max-Age",
                                    &lcf->cors->age) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_leadgen_cors_answer(ngx_http_request_t *r)
{
    const ngx_str_t              *origin;
    const ngx_leadgen_cors_t     *cors;
    ngx_leadgen_location_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);
    cors = lcf->cors;

    if (cors == NULL) {
        return NGX_OK;
    }

    ngx_leadgen_cors_clear(r);

    if (!cors->any
        && ngx_leadgen_reply_header(r, "Vary", &ngx_leadgen_cors_vary)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    origin = ngx_leadgen_cors_header(r, "Origin");

    if (origin == NULL || !ngx_leadgen_cors_knows(cors, origin)) {
        return NGX_OK;
    }

    if (ngx_leadgen_reply_header(r, "Access-Control-Allow-Origin",
                                 cors->any ? &ngx_leadgen_cors_any : origin)
        != NGX_OK
        || ngx_leadgen_reply_header(r, "Access-Control-Expose-Headers",
                                    &cors->expose) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return cors->credentials
           ? ngx_leadgen_reply_header(r, "Access-Control-Allow-Credentials",
                                      &ngx_leadgen_cors_true)
           : NGX_OK;
}


/* An application's own word on this would contradict ours. */

static void
ngx_leadgen_cors_clear(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    static const ngx_str_t  allow = ngx_string("Access-Control-Allow-Origin");
    static const ngx_str_t  credentials =
        ngx_string("Access-Control-Allow-Credentials");
    static const ngx_str_t  expose =
        ngx_string("Access-Control-Expose-Headers");

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_leadgen_cors_same(&header[i].key, &allow)
                || ngx_leadgen_cors_same(&header[i].key, &credentials)
                || ngx_leadgen_cors_same(&header[i].key, &expose))
            {
                header[i].hash = 0;
            }
        }
    }
}


static ngx_uint_t
ngx_leadgen_cors_same(const ngx_str_t *name, const ngx_str_t *other)
{
    return name->len == other->len
           && ngx_strncasecmp(name->data, other->data, name->len) == 0;
}


static const ngx_str_t *
ngx_leadgen_cors_header(ngx_http_request_t *r, const char *name)
{
    ngx_str_t         text;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    text.data = (u_char *) name;
    text.len = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (ngx_leadgen_cors_same(&header[i].key, &text)) {
                return &header[i].value;
            }
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_leadgen_cors_knows(const ngx_leadgen_cors_t *cors, const ngx_str_t *origin)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    if (cors->any) {
        return 1;
    }

    known = cors->origins.elts;

    for (i = 0; i < cors->origins.nelts; i++) {

        if (known[i].len == origin->len
            && ngx_memcmp(known[i].data, origin->data, origin->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
