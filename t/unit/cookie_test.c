
/*
 * Cookies: by table.
 *
 * sources: src/http/ngx_leadgen_cookie.c
 */


#include "unit.h"
#include "ngx_leadgen_ctx.h"


static void
test_find(void)
{
    size_t      i;
    ngx_str_t   header, value, name = ngx_string("__Host-a");
    ngx_uint_t  count;

    static const struct {
        const char  *header;
        ngx_uint_t   count;
        const char  *value;
    } rows[] = {
        { "", 0, "" },
        { "__Host-a", 0, "" },
        { "__Host-a=", 1, "" },
        { "__Host-a=x", 1, "x" },
        { "__Host-a=x;", 1, "x" },
        { "a=1; __Host-a=x; b=2", 1, "x" },
        { "a=1;__Host-a=x", 1, "x" },
        { "   __Host-a=x", 1, "x" },
        { "__Host-a=x=y", 1, "x=y" },
        { "__Host-a=\"x\"", 1, "\"x\"" },
        { "__Host-a= x ", 1, " x " },
        { "__Host-a=x; __Host-a=y", 2, "y" },
        { ";;; ;__Host-a=x", 1, "x" },
        { "a=1, __Host-a=x", 0, "" },
        { "a=\"; __Host-a=x\"", 1, "x\"" },
        { "__host-a=x", 0, "" },
        { "__Host-ab=x", 0, "" },
        { "x__Host-a=x", 0, "" },
        { "__Host-a =x", 0, "" },
        { "\t__Host-a=x", 0, "" },
        { "=__Host-a=x", 0, "" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        header.len = strlen(rows[i].header);
        header.data = malloc(header.len);
        ngx_memcpy(header.data, rows[i].header, header.len);
        ngx_str_set(&value, "");

        count = ngx_leadgen_cookie_find(&header, &name, &value);

        is_int(count, rows[i].count, "\"%s\": how many", rows[i].header);
        is_str(value, rows[i].value, "\"%s\": the last", rows[i].header);

        free(header.data);
    }
}


static void
test_strip(void)
{
    size_t      i;
    u_char     *p, buffer[128];
    ngx_str_t   header, rest;
    ngx_uint_t  count;

    static const struct {
        const char  *header;
        ngx_uint_t   count;
        const char  *rest;
    } rows[] = {
        { "", 0, "" },
        { "a=1", 0, "a=1" },
        { "a=1;b=2;;  c=3;", 0, "a=1; b=2; c=3" },
        { "__Host-leadgen=x", 1, "" },
        { "__Host-leadgen=x; __Host-leadgen-refresh=y", 2, "" },
        { "a=1; __Host-leadgen=x; b=2", 1, "a=1; b=2" },
        { "a=1;__Host-leadgen-anything", 1, "a=1" },
        { "__HOST-LEADGEN=x;a=1", 1, "a=1" },
        { "a=1;\t__Host-leadgen=x", 1, "a=1" },
        { "a=\"; __Host-leadgen=x\"; b=2", 1, "a=\"; b=2" },
        { "a=1, __Host-leadgen=x; b=2", 1, "b=2" },
        { "__Host-a=x; leadgen=y", 0, "__Host-a=x; leadgen=y" }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        header.len = strlen(rows[i].header);
        header.data = malloc(header.len);
        ngx_memcpy(header.data, rows[i].header, header.len);

        p = buffer;
        count = ngx_leadgen_cookie_strip(&p, buffer, &header);
        rest.data = buffer;
        rest.len = p - buffer;

        is_int(count, rows[i].count, "\"%s\": how many go", rows[i].header);
        is_str(rest, rows[i].rest, "\"%s\": what stays", rows[i].header);

        free(header.data);
    }

    p = buffer;
    header = unit_str("__Host-leadgen=x; a=1");
    (void) ngx_leadgen_cookie_strip(&p, buffer, &header);
    header = unit_str("b=2");
    (void) ngx_leadgen_cookie_strip(&p, buffer, &header);
    rest.len = p - buffer;
    is_str(rest, "a=1; b=2", "of two headers");
}


static ngx_str_t *
maybe(ngx_str_t *text, const char *from)
{
    if (from == NULL) {
        return NULL;
    }

    text->data = (u_char *) from;
    text->len = strlen(from);

    return text;
}


static void
test_same_site(void)
{
    size_t     i;
    ngx_str_t  site, origin, host;

#define HTTP   NGX_LEADGEN_COOKIE_HTTP
#define HTTPS  NGX_LEADGEN_COOKIE_HTTPS
#define BOTH   (HTTP|HTTPS)

    static const struct {
        const char  *site;
        const char  *origin;
        const char  *host;
        ngx_uint_t   schemes;
        ngx_uint_t   is_same;
    } rows[] = {
        { NULL, NULL, "a", BOTH, 0 },
        { "same-origin", NULL, "a", BOTH, 1 },
        { "same-origin", NULL, NULL, BOTH, 1 },
        { "same-site", NULL, "a", BOTH, 0 },
        { "cross-site", NULL, "a", BOTH, 0 },
        { "none", NULL, "a", BOTH, 0 },
        { "", NULL, "a", BOTH, 0 },
        { "Same-Origin", NULL, "a", BOTH, 0 },
        { NULL, "https://a", "a", BOTH, 1 },
        { NULL, "https://A", "a", BOTH, 1 },
        { NULL, "https://a:8000", "a:8000", BOTH, 1 },
        { NULL, "https://a:8000", "a", BOTH, 0 },
        { NULL, "https://a", NULL, BOTH, 0 },
        { NULL, "https://a/", "a", BOTH, 0 },
        { NULL, "https://b@a", "a", BOTH, 0 },
        { NULL, "https://b", "a", BOTH, 0 },
        { NULL, "a", "a", BOTH, 0 },
        { NULL, "null", "null", BOTH, 0 },
        { NULL, "", "", BOTH, 0 },
        { "same-origin", "https://a", "a", BOTH, 1 },
        { "same-origin", "https://b", "a", BOTH, 0 },
        { "cross-site", "https://a", "a", BOTH, 0 },
        { NULL, "http://a", "a", BOTH, 1 },
        { NULL, "http://a", "a", HTTP, 1 },
        { NULL, "http://a", "a", HTTPS, 0 },
        { NULL, "https://a", "a", HTTP, 0 },
        { NULL, "https://a", "a", HTTPS, 1 },
        { "same-origin", "http://a", "a", HTTPS, 0 },
        { NULL, "evil://a", "a", BOTH, 0 },
        { NULL, "ahttps://a", "a", BOTH, 0 },
        { NULL, "HTTPS://a", "a", BOTH, 0 },
        { NULL, "https:/a", "a", BOTH, 0 },
        { NULL, "://a", "a", BOTH, 0 },
        { NULL, "https://", "", BOTH, 0 },
        { NULL, "https://https://a", "a", BOTH, 0 },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(ngx_leadgen_cookie_is_same_site(maybe(&site, rows[i].site),
                                               maybe(&origin, rows[i].origin),
                                               maybe(&host, rows[i].host),
                                               rows[i].schemes),
               rows[i].is_same, "%s, %s, asked %s by %d",
               rows[i].site ? rows[i].site : "no Sec-Fetch-Site",
               rows[i].origin ? rows[i].origin : "no Origin",
               rows[i].host ? rows[i].host : "without Host",
               (int) rows[i].schemes);
    }
}


int
main(void)
{
    test_find();
    test_strip();
    test_same_site();

    return unit_done();
}
