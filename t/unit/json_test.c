
/*
 * JSON of strangers: one flat enough object, or nothing.
 *
 * sources: src/base/ngx_leadgen_json.c src/base/ngx_leadgen_text.c
 * libraries: -ljansson
 */


#include "unit.h"
#include "ngx_leadgen_base.h"


static ngx_pool_t  *pool;


static json_t *
parse(const char *text, size_t len)
{
    json_t     *tree;
    ngx_str_t   copy;

    copy.len = len;
    copy.data = malloc(len);
    ngx_memcpy(copy.data, text, len);

    tree = ngx_leadgen_json_parse(pool, &copy);

    free(copy.data);

    return tree;
}


static void
test_parse(void)
{
    size_t  i;

    static const char  *good[] = {
        "{}", " {\n} ", "{\"a\":1,\"b\":[1,2,{}],\"c\":null}",
        "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}",
        "{\"a\":\"\\\"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{\"}",
        "{\"a\":\"\\\\\"}", "{\"\":0}", "{\"a\":9223372036854775807}",
        "{\"a\":{\"b\":1},\"b\":{\"b\":1}}"
    };
    static const char  *bad[] = {
        "", " ", "[]", "[{}]", "null", "1", "\"a\"", "true", "{", "}", "{}}",
        "{}x", "{}{}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
        "{'a':1}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
        "{\"x\":{\"a\":1,\"a\":2}}", "{\"a\":01}", "{\"a\":+1}",
        "{\"a\":.5}", "{\"a\":NaN}", "{\"a\":1e9999}",
        "{\"a\":9223372036854775808}", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\x80\"}", "\xef\xbb\xbf{}", "{\"a\":\"b", "{\"a\":\"\\",
        "// {}", "{\"\\u0000\":1}"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(parse(good[i], strlen(good[i])) != NULL, "%s is an object",
           good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(parse(bad[i], strlen(bad[i])) == NULL, "row %d is none", (int) i);
    }

    ok(parse("{}\0", 3) == NULL, "nor is what has a zero byte behind");
    ok(parse("{\"a\":123\0}", 10) == NULL, "or behind a number");
    ok(parse("{\"a\":1.5\0}", 10) == NULL, "with a fraction");
    ok(parse("{\"a\":[1\0]}", 10) == NULL, "or in a list");
    ok(parse("{\"a\":1,\0\"b\":2}", 14) == NULL, "or between");
}


static void
test_depth(void)
{
    char    text[4096];
    char   *p;
    size_t  i, n;

    for (n = NGX_LEADGEN_JSON_DEPTH; n <= NGX_LEADGEN_JSON_DEPTH + 1; n++) {
        p = text;
        p += sprintf(p, "{\"a\":");
        for (i = 0; i < n - 1; i++) {
            *p++ = '[';
        }
        for (i = 0; i < n - 1; i++) {
            *p++ = ']';
        }
        *p++ = '}';

        ok((parse(text, p - text) != NULL) == (n == NGX_LEADGEN_JSON_DEPTH),
           "%d levels", (int) n);
    }

    memset(text, '[', sizeof(text));
    ok(parse(text, sizeof(text)) == NULL, "nothing but brackets");

    memset(text, '{', sizeof(text));
    ok(parse(text, sizeof(text)) == NULL, "nothing but braces");

    memset(text, ']', sizeof(text));
    ok(parse(text, sizeof(text)) == NULL, "nothing but ends");

    /* many beside each other are not deep */

    p = text + sprintf(text, "{\"a\":[");
    for (i = 0; i < 500; i++) {
        p += sprintf(p, "{},");
    }
    p += sprintf(p, "{}]}");
    ok(parse(text, p - text) != NULL, "many beside each other");
}


static void
test_values(void)
{
    json_t     *tree;
    ngx_str_t   text;

    tree = parse("{\"a\":\"b\xc3\xa4\",\"n\":1,\"e\":\"\"}", 24);

    is_str(ngx_leadgen_json_string(tree, "a"), "b\xc3\xa4", "a string");
    is_str(ngx_leadgen_json_string(tree, "n"), "", "a number is none");
    is_str(ngx_leadgen_json_string(tree, "e"), "", "an empty one");
    ok(ngx_leadgen_json_string(tree, "e").data != NULL, "is one all the same");
    ok(ngx_leadgen_json_string(tree, "x").data == NULL, "what is not there");
    ok(ngx_leadgen_json_string(NULL, "x").data == NULL, "where nothing is");

    is_int(ngx_leadgen_json_dump(pool, tree, &text), NGX_OK, "back to text");
    is_str(text, "{\"a\":\"b\xc3\xa4\",\"n\":1,\"e\":\"\"}",
           "compact, in its order");

    text = unit_str("a\xff\nb");
    tree = ngx_leadgen_json_own(pool,
                                json_pack("{s:o}", "t",
                                          ngx_leadgen_json_text(pool, &text)));
    is_str(ngx_leadgen_json_string(tree, "t"), "a\\xff\\x0ab",
           "bytes that are no text are made safe");

    ok(ngx_leadgen_json_own(pool, NULL) == NULL, "no tree is no tree");

    unit_alloc_fail = 0;
    ok(ngx_leadgen_json_own(pool, json_object()) == NULL,
       "without memory the tree is freed");
    unit_alloc_fail = -1;
}


int
main(void)
{
    pool = ngx_create_pool(4096, ngx_cycle->log);

    test_parse();
    test_depth();
    test_values();

    ngx_destroy_pool(pool);

    return unit_done();
}
