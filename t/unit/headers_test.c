
/*
 * Headers of requests: what is never written, and what is taken off.
 *
 * sources: src/http/ngx_leadgen_headers.c src/base/ngx_leadgen_text.c
 */


#include "unit.h"
#include "ngx_leadgen_ctx.h"
#include <ctype.h>


static ngx_log_t           none;
static ngx_connection_t    connection = { .log = &none };
static ngx_http_request_t  request = { .connection = &connection };


/* nginx's own, of a list that has room. */

void *
ngx_list_push(ngx_list_t *list)
{
    return (u_char *) list->last->elts + list->size * list->last->nelts++;
}


static void
start(void)
{
    if (request.pool) {
        ngx_destroy_pool(request.pool);
    }

    request.pool = ngx_create_pool(4096, &none);
    (void) ngx_list_init(&request.headers_in.headers, request.pool, 20,
                         sizeof(ngx_table_elt_t));
    unit_log_clear();
}


/* The last wall: each byte, alone and among others. */

static void
test_values(void)
{
    size_t      place, len;
    u_char      text[20];
    ngx_int_t   rc;
    ngx_str_t   value;
    ngx_uint_t  byte, bad, wrong;

    static ngx_leadgen_header_t  name = ngx_leadgen_header("X-User-Email");

    wrong = 0;
    value.data = text;
    none.log_level = NGX_LOG_ALERT;

    for (byte = 0; byte < 256; byte++) {
        bad = byte < 0x20 || byte == 0x7f;

        for (len = 1; len <= sizeof(text); len++) {
            for (place = 0; place < len; place++) {
                start();
                ngx_memset(text, 'a', len);
                text[place] = (u_char) byte;
                value.len = len;

                rc = ngx_leadgen_headers_push(&request, &name, &value);

                wrong += rc != (bad ? NGX_ERROR : NGX_OK)
                         || request.headers_in.headers.part.nelts == bad
                         || unit_log_count != bad;
            }
        }
    }

    is_int(wrong, 0, "control bytes are never written, and an alert says so");

    start();
    value = unit_str("x\r\nX-User-Id: 1");
    (void) ngx_leadgen_headers_push(&request, &name, &value);
    ok(strstr(unit_log_line, "X-User-Email") && !strchr(unit_log_line, '\n'),
       "the alert names the header, and not its value");
}


/* In place of each separator each byte that is no letter or digit. */

static void
test_spellings(void)
{
    size_t                   i, place;
    u_char                   text[32];
    ngx_str_t                name, value = ngx_string("1");
    ngx_uint_t               byte, same, wrong;
    ngx_leadgen_header_t     forged;

    static ngx_leadgen_header_t   names[] = {
        ngx_leadgen_header("X-User-Id"),
        ngx_leadgen_header("X-HTTP-Method-Override")
    };
    static ngx_leadgen_headers_t  all = { names, 2, 0, 0 };

    wrong = 0;

    for (i = 0; i < 2; i++) {
        name = names[i].key;

        for (byte = 0; byte < 256; byte++) {
            for (place = 0; place < name.len; place++) {
                start();
                ngx_memcpy(text, name.data, name.len);
                text[place] = (u_char) byte;

                ngx_memzero(&forged, sizeof(forged));
                forged.key.data = text;
                forged.key.len = name.len;
                (void) ngx_leadgen_headers_push(&request, &forged, &value);

                same = name.data[place] == '-'
                       ? !isalnum((int) byte)
                       : tolower((int) byte) == tolower(name.data[place]);

                wrong += (ngx_leadgen_headers_find(&request, &all) != 0)
                         != same;
                (void) ngx_leadgen_headers_remove(&request, &all);
                wrong += request.headers_in.headers.part.nelts == same;
            }
        }
    }

    is_int(wrong, 0, "what is no letter or digit counts as \"-\"");
}


int
main(void)
{
    test_values();
    test_spellings();

    ngx_destroy_pool(request.pool);

    return unit_done();
}
