
/*
 * Canonical paths: by table, and each byte for itself.
 *
 * sources: src/http/ngx_leadgen_path.c src/base/ngx_leadgen_text.c
 */


#include "unit.h"
#include "ngx_leadgen_ctx.h"


static ngx_uint_t
canonical(const char *path, size_t len)
{
    ngx_str_t   target;
    ngx_uint_t  rc;

    target.len = len;
    target.data = malloc(len);
    ngx_memcpy(target.data, path, len);

    rc = ngx_leadgen_path_is_canonical(&target);

    free(target.data);

    return rc;
}


static void
test_table(void)
{
    size_t  i;

    static const char  *yes[] = {
        "/", "/?", "/?//..%2f;#\\", "/a", "/a/", "/a/b/c", "/a.b", "/.a",
        "/..a", "/...a/b", "/a%20b", "/%41",
        "/%7e", "/~", "/a%25", "/100%25x", "/%25",
        "/\xc3\xa4", "/%c3%a4", "/%C3%A4", "/%f0%9f%98%80", "/\xc3%a4",
        "/a:b@c!$&'()*+,=", "/a|b", "/a\"<>^`{}", "/a/?x"
    };
    static const char  *no[] = {
        "", "a", "*", "http://h/a", "//", "//a", "/a//", "/a//b", "/.",
        "/..", "/./", "/../", "/a/.", "/a/..", "/a/./b", "/a/../b",
        "/.?", "/..?", "/a//?", "/%2e", "/%2E", "/a/%2e%2e", "/a/.%2e",
        "/a%2eb", "/%2f", "/a%2Fb", "/a%5cb", "/a%5Cb", "/a\\b", "/;",
        "/a;b", "/a%3bb", "/a%3B", "/#", "/a#b", "/a%23b", "/%252e",
        "/%252fa", "/a%2561", "/%25%34%31", "/%2%35", "/%", "/%z",
        "/%zz", "/a%0", "/a%0g", "/%00", "/%0a", "/%0d%0a", "/%1f",
        "/%7f", "/\x7f", "/\x01", "/\x1f", "/a\tb", "/\xff", "/%ff",
        "/%c0%af", "/\xc0\xaf", "/%c3", "/%c3/%a4", "/%ed%a0%80",
        "/%f4%90%80%80", "/%e0%80%af", "/a.", "/...", "/a..", "/a.../b",
        "/a./", "/a%20", "/a%20/b", "/a ", "/ "
    };

    for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        is_int(canonical(yes[i], strlen(yes[i])), 1, "\"%s\" is canonical",
               yes[i]);
    }

    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        is_int(canonical(no[i], strlen(no[i])), 0, "\"%s\" is not", no[i]);
    }

    is_int(canonical("/a\0b", 4), 0, "a zero byte is not");
    is_int(canonical("/a%2", 4), 0, "nor an escape that is cut");
    is_int(canonical("/a%", 3), 0, "nor one that is cut at once");
}


/* Every byte, as it stands and encoded, alone and in a segment. */

static void
test_bytes(void)
{
    char        text[16];
    int         c, plain, encoded;
    ngx_uint_t  wrong;

    for (wrong = 0, c = 0; c < 256; c++) {
        plain = c > 0x1f && c < 0x7f && c != '\\' && c != ';' && c != '#'
                && c != '%' && c != '/';
        encoded = c > 0x1f && c < 0x7f && c != '\\' && c != ';' && c != '#'
                  && c != '/' && c != '.';

        (void) sprintf(text, "/a%cb", c ? c : 'x');
        text[2] = (char) c;
        wrong += canonical(text, 4) != (ngx_uint_t) (plain || c == '/');

        (void) sprintf(text, "/a%%%02xb", c);
        wrong += canonical(text, 6) != (ngx_uint_t) encoded;

        (void) sprintf(text, "/%%%02X", c);
        wrong += canonical(text, 4) != (ngx_uint_t) (encoded && c != ' ');
    }

    is_int(wrong, 0, "256 bytes");
}


static void
test_length(void)
{
    char  text[5000];

    memset(text, 'a', sizeof(text));
    text[0] = '/';

    is_int(canonical(text, 4096), 1, "as long as any route");
    is_int(canonical(text, 4097), 0, "longer");

    text[4096] = '?';
    is_int(canonical(text, 5000), 1, "the query does not count");
}


int
main(void)
{
    test_table();
    test_bytes();
    test_length();

    return unit_done();
}
