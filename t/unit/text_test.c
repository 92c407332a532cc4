
/*
 * Text: what is safe stays as it is, everything else becomes \xHH.
 *
 * sources: src/base/ngx_leadgen_text.c
 */


#include "unit.h"
#include "ngx_leadgen_base.h"


static ngx_str_t
safe(const ngx_str_t *src)
{
    ngx_str_t  out;

    static u_char  buffer[4096];

    out.data = buffer;
    out.len = ngx_leadgen_text_sanitize(buffer, src) - buffer;

    return out;
}


static void
test_sanitize(void)
{
    size_t     i;
    ngx_str_t  src;

    static const struct {
        const char  *src;
        const char  *want;
        int          utf8;
    } rows[] = {
        { "",                     "",                             1 },
        { "plain ~text",          "plain ~text",                  1 },
        { "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80",
          "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80",             1 },
        { "a\r\nb\tc\x1b[31m",    "a\\x0d\\x0ab\\x09c\\x1b[31m",  1 },
        { "\x7f",                 "\\x7f",                        1 },
        { "\xc2\x80\xc2\x9f",     "\\xc2\\x80\\xc2\\x9f",         1 },
        { "\xc2\xa0",             "\xc2\xa0",                     1 },
        { "\xe2\x80\xae",         "\\xe2\\x80\\xae",              1 },
        { "\xe2\x80\xaa",         "\\xe2\\x80\\xaa",              1 },
        { "\xe2\x81\xa6",         "\\xe2\\x81\\xa6",              1 },
        { "\xe2\x81\xa9",         "\\xe2\\x81\\xa9",              1 },
        { "\xe2\x80\xa9",         "\xe2\x80\xa9",                 1 },
        { "\xe2\x80\xaf",         "\xe2\x80\xaf",                 1 },
        { "\xff\xfe",             "\\xff\\xfe",                   0 },
        { "\x80" "a",             "\\x80a",                       0 },
        { "\xc0\xaf",             "\\xc0\\xaf",                   0 },
        { "\xc1\xbf",             "\\xc1\\xbf",                   0 },
        { "\xe0\x80\xaf",         "\\xe0\\x80\\xaf",              0 },
        { "\xe0\x9f\xbf",         "\\xe0\\x9f\\xbf",              0 },
        { "\xed\xa0\x80",         "\\xed\\xa0\\x80",              0 },
        { "\xed\x9f\xbf",         "\xed\x9f\xbf",                 1 },
        { "\xf0\x8f\xbf\xbf",     "\\xf0\\x8f\\xbf\\xbf",         0 },
        { "\xf4\x8f\xbf\xbf",     "\xf4\x8f\xbf\xbf",             1 },
        { "\xf4\x90\x80\x80",     "\\xf4\\x90\\x80\\x80",         0 },
        { "\xf5\x80\x80\x80",     "\\xf5\\x80\\x80\\x80",         0 },
        { "a\xe2\x82",            "a\\xe2\\x82",                  0 },
        { "\xe2\x82g",            "\\xe2\\x82g",                  0 },
        { "\xc3",                 "\\xc3",                        0 },
        { "\xf0\x9f\x98",         "\\xf0\\x9f\\x98",              0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        src.data = (u_char *) rows[i].src;
        src.len = strlen(rows[i].src);

        is_str(safe(&src), rows[i].want, "row %d is made safe", (int) i);
        is_int(ngx_leadgen_text_is_utf8(&src), rows[i].utf8,
               "row %d is UTF-8 or not", (int) i);
    }

    src.data = (u_char *) "a\0b";
    src.len = 3;

    is_str(safe(&src), "a\\x00b", "a zero byte");
}


/* All of 1 and 2 bytes: what leaves is UTF-8 without controls, within 4 for
 * 1, and making it safe again changes nothing. */

static void
test_all(void)
{
    u_char     bytes[2], once[16], twice[64];
    size_t     i, k, n, wrong;
    ngx_str_t  src, out, again;

    wrong = 0;

    for (n = 1; n <= 2; n++) {
        for (i = 0; i < (n == 1 ? 256 : 65536); i++) {
            bytes[0] = (u_char) i;
            bytes[1] = (u_char) (i >> 8);
            src.data = bytes;
            src.len = n;

            out.data = once;
            out.len = ngx_leadgen_text_sanitize(once, &src) - once;
            again.data = twice;
            again.len = ngx_leadgen_text_sanitize(twice, &out) - twice;

            wrong += out.len > 4 * n || !ngx_leadgen_text_is_utf8(&out);
            wrong += again.len != out.len
                     || memcmp(again.data, out.data, out.len) != 0;

            for (k = 0; k < out.len; k++) {
                wrong += out.data[k] < 0x20 || out.data[k] == 0x7f;
            }
        }
    }

    is_int(wrong, 0, "every text of one and two bytes");
}


/* Any byte at any place of three words says what it says alone. */

static void
test_words(void)
{
    u_char      text[24], alone[4];
    ngx_str_t   src, one, out;
    ngx_uint_t  byte, place, wrong;

    wrong = 0;
    src.data = text;
    src.len = sizeof(text);
    one.len = 1;

    for (byte = 0; byte < 256; byte++) {
        for (place = 0; place < sizeof(text); place++) {
            ngx_memset(text, '~', sizeof(text));
            text[place] = (u_char) byte;

            one.data = &text[place];
            one.len = ngx_leadgen_text_sanitize(alone, &one) - alone;
            one.data = alone;
            out = safe(&src);

            wrong += out.len != sizeof(text) - 1 + one.len
                     || ngx_memcmp(out.data + place, alone, one.len) != 0
                     || (place && out.data[place - 1] != '~')
                     || (place < sizeof(text) - 1
                         && out.data[out.len - 1] != '~');
            one.len = 1;
        }
    }

    is_int(wrong, 0, "a byte among others is as it is alone");
}


static void
test_json(void)
{
    u_char     buffer[64];
    ngx_str_t  src, out;

    src = unit_str("a\"b\\c\x01\n/\xc3\xab");
    out.data = buffer;
    out.len = ngx_leadgen_text_json(buffer, &src) - buffer;

    is_str(out, "\"a\\\"b\\\\c\\u0001\\u000a/\xc3\xab\"", "a JSON string");

    ngx_str_null(&src);
    out.len = ngx_leadgen_text_json(buffer, &src) - buffer;
    is_str(out, "\"\"", "an empty JSON string");
}


static void
test_shown(void)
{
    u_char     buffer[16];
    ngx_str_t  src = ngx_string("a\r\nb: c");

    is_str(ngx_leadgen_text_shown(buffer, sizeof(buffer), &src),
           "a\\x0d\\x0ab", "what surely fits, as one line");
}


static void
test_name(void)
{
    size_t     i, k, n;
    u_char     text[64];
    ngx_str_t  name;

    static const char  *never[] = {
        "\t", "\n", "\r", "\x1f", "\x7f", "\xc2\x80", "\xc2\x9f", "\xd8\x9c",
        "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
        "\xe2\x80\xaa", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9",
        "\xff", "\xc3"
    };
    static const char  *within[] = {
        " ", "\xc2\xa0", "\xe2\x80\x8b", "\xe2\x80\xaf", "\xe3\x80\x80",
        "\xef\xbb\xbf"
    };
    static const char  *good[] = {
        "", "a", "zo\xc3\xab@example.com", "\xd8\xb9@x", "\xf0\x9f\x98\x80", "%"
    };

    ngx_str_null(&name);
    ok(ngx_leadgen_text_is_name(&name), "a claim that is not there");

    /* in front of, within and behind what is good */

    for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        for (k = 0; k < 3; k++) {
            n = sprintf((char *) text, "%s%s%s%s", k == 0 ? never[i] : "a",
                        k == 1 ? never[i] : "b", "c", k == 2 ? never[i] : "d");
            name.data = text;
            name.len = n;

            ok(!ngx_leadgen_text_is_name(&name), "never: row %d, place %d",
               (int) i, (int) k);
        }
    }

    for (i = 0; i < sizeof(within) / sizeof(within[0]); i++) {
        for (k = 0; k < 3; k++) {
            n = sprintf((char *) text, "%s%s%s", k == 0 ? within[i] : "a",
                        k == 1 ? within[i] : "b", k == 2 ? within[i] : "c");
            name.data = text;
            name.len = n;

            is_int(ngx_leadgen_text_is_name(&name), k == 1,
                   "a blank: row %d, place %d", (int) i, (int) k);
        }
    }

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        name.data = (u_char *) good[i];
        name.len = strlen(good[i]);

        ok(ngx_leadgen_text_is_name(&name), "good: row %d", (int) i);
    }
}


/* Each byte at each place of texts of each length up to three words. */

static void
test_holds(void)
{
    u_char      text[24];
    ngx_str_t   src;
    ngx_uint_t  byte, place, want, wrong;

    wrong = 0;
    src.data = text;

    for (src.len = 1; src.len <= sizeof(text); src.len++) {
        for (byte = 0; byte < 256; byte++) {

            want = byte < 0x20 || byte == 0x7f ? NGX_LEADGEN_TEXT_CONTROL
                   : byte == '%' || byte > 0x7f ? NGX_LEADGEN_TEXT_ENCODED : 0;

            for (place = 0; place < src.len; place++) {
                ngx_memset(text, '~', sizeof(text));
                text[place] = (u_char) byte;

                wrong += ngx_leadgen_text_holds(&src) != want;
            }
        }
    }

    is_int(wrong, 0, "what a text holds");

    src = unit_str("\n-------------%");
    is_int(ngx_leadgen_text_holds(&src),
           NGX_LEADGEN_TEXT_CONTROL|NGX_LEADGEN_TEXT_ENCODED, "both");

    ngx_str_null(&src);
    is_int(ngx_leadgen_text_holds(&src), 0, "nothing");
}


static void
test_percent(void)
{
    u_char     buffer[64];
    ngx_str_t  src, out;

    src = unit_str("100%41 zo\xc3\xab ~");
    out.data = buffer;
    out.len = ngx_leadgen_text_percent(buffer, &src) - buffer;

    is_str(out, "100%2541 zo%C3%AB ~", "percent-encoded");
}


int
main(void)
{
    test_sanitize();
    test_all();
    test_words();
    test_json();
    test_shown();
    test_name();
    test_holds();
    test_percent();

    return unit_done();
}
