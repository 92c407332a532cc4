
/*
 * The trie against a matcher that is too simple to be wrong.
 *
 * sources: src/policy/ngx_leadgen_trie.c
 */


#include "unit.h"
#include "ngx_leadgen_policy.h"


#define TEST_GET   (1 << NGX_LEADGEN_METHOD_GET)
#define TEST_POST  (1 << NGX_LEADGEN_METHOD_POST)


static ngx_pool_t  *pool;


static ngx_leadgen_rule_t *
rule_of(const char *path, ngx_uint_t methods)
{
    ngx_leadgen_rule_t  *rule;

    rule = ngx_pcalloc(pool, sizeof(ngx_leadgen_rule_t));
    rule->methods = methods;
    rule->path.len = strlen(path);
    rule->path.data = ngx_pnalloc(pool, rule->path.len);
    ngx_memcpy(rule->path.data, path, rule->path.len);

    return rule;
}


static ngx_leadgen_match_t
find(ngx_leadgen_trie_t *trie, ngx_uint_t method, const char *path)
{
    ngx_str_t            text;
    ngx_leadgen_match_t  match;

    /* a copy of just that length: the sanitizer watches both ends */
    text.len = strlen(path);
    text.data = malloc(text.len);
    ngx_memcpy(text.data, path, text.len);

    ngx_memzero(&match, sizeof(match));
    ngx_leadgen_trie_find(trie, method, &text, &match);

    free(text.data);

    return match;
}


static const char *
found(ngx_leadgen_trie_t *trie, ngx_uint_t method, const char *path)
{
    static char          text[256];
    ngx_leadgen_match_t  match;

    match = find(trie, method, path);

    if (match.rule == NULL) {
        return "";
    }

    ngx_memcpy(text, match.rule->path.data, match.rule->path.len);
    text[match.rule->path.len] = '\0';

    return text;
}


static ngx_leadgen_trie_t *
trie_of(const char **paths, ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_leadgen_trie_t  *trie;

    trie = ngx_leadgen_trie_create(pool);

    for (i = 0; i < n; i++) {
        (void) ngx_leadgen_trie_add(trie, rule_of(paths[i], TEST_GET));
    }

    (void) ngx_leadgen_trie_compile(trie);

    return trie;
}


static void
test_precedence(void)
{
    ngx_uint_t           i;
    ngx_leadgen_trie_t  *trie;

    static const char  *paths[] = {
        "/", "/a", "/a/", "/a/b", "/a/:x", "/a/:x/c", "/a/b/d", "/a/**",
        "/:x/b/**", "/:x/:y/e", "/**", "/q/:x/:y/:z"
    };

    static const struct {
        const char  *path;
        const char  *want;
    } rows[] = {
        { "/",            "/" },
        { "/a",           "/a" },
        { "/a/",          "/a/" },
        { "/a/b",         "/a/b" },
        { "/a/b/",        "/a/**" },
        { "/a/z",         "/a/:x" },
        { "/a/z/",        "/a/**" },
        { "/a/z/c",       "/a/:x/c" },
        { "/a/b/c",       "/a/:x/c" },      /* back from the literal b */
        { "/a/b/d",       "/a/b/d" },
        { "/a/b/z",       "/a/**" },        /* back from b and from :x */
        { "/a/b/d/e",     "/a/**" },
        { "/z/b/x",       "/:x/b/**" },
        { "/z/b",         "/**" },
        { "/z/b/",        "/**" },          /* "**" is one segment or more */
        { "/z/b/e",       "/:x/b/**" },
        { "/z/y/e",       "/:x/:y/e" },
        { "/a/y/e",       "/a/**" },        /* the literal a comes first */
        { "/z",           "/**" },
        { "/z/",          "/**" },
        { "/q/1/2/3",     "/q/:x/:y/:z" },
        { "/q/1/2/3/4",   "/**" },
        { "/q//2/3",      "/**" },          /* no parameter is empty */
        { "/A",           "/**" },
        { "//",           "" },
        { "//a",          "" },
        { "",             "" },
        { "a",            "" },
        { "*",            "" }
    };

    trie = trie_of(paths, sizeof(paths) / sizeof(paths[0]));

    is_int(ngx_leadgen_trie_count(trie), 12, "all rules were taken");

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char  *got = found(trie, NGX_LEADGEN_METHOD_GET, rows[i].path);

        ok(strcmp(got, rows[i].want) == 0, "\"%s\" is \"%s\", got \"%s\"",
           rows[i].path, rows[i].want, got);
    }

    is_int(find(trie, NGX_LEADGEN_METHOD_GET, "//").allowed, 0,
           "an empty segment is no path of any rule");
}


static void
test_params(void)
{
    ngx_str_t            path;
    ngx_leadgen_trie_t  *trie;
    ngx_leadgen_match_t  match;

    static const char  *paths[] = {
        "/:a/x/:b/:c", "/:a/:b/y/**", "/1/:a/:b/:c/:d/:e/:f/:g/:h"
    };

    trie = trie_of(paths, 3);

    path = unit_str("/one/x/two/three");
    ngx_leadgen_trie_find(trie, NGX_LEADGEN_METHOD_GET, &path, &match);
    is_str(match.params[0], "one", "the first parameter");
    is_str(match.params[1], "two", "the second, behind a literal");
    is_str(match.params[2], "three", "the third");
    ok(match.params[0].data == path.data + 1, "they point into the path");

    path = unit_str("/one/x/y/three");
    ngx_leadgen_trie_find(trie, NGX_LEADGEN_METHOD_GET, &path, &match);
    is_str(match.params[1], "y", "a parameter beats a later one");

    path = unit_str("/one/x/y/three/four");
    ngx_leadgen_trie_find(trie, NGX_LEADGEN_METHOD_GET, &path, &match);
    is_str(match.params[1], "x", "a way that led nowhere leaves no parameter");

    path = unit_str("/1/a/b/c/d/e/f/g/h");
    ngx_leadgen_trie_find(trie, NGX_LEADGEN_METHOD_GET, &path, &match);
    is_str(match.params[7], "h", "as many parameters as there may be");
}


static void
test_methods(void)
{
    ngx_leadgen_trie_t        *trie;
    ngx_leadgen_rule_t        *both, *get, *again;
    ngx_leadgen_match_t        match;

    trie = ngx_leadgen_trie_create(pool);
    both = rule_of("/a/:x", TEST_GET | TEST_POST);
    get = rule_of("/a/b", TEST_GET);
    again = rule_of("/a/:y", TEST_POST);

    ok(ngx_leadgen_trie_add(trie, both) == NULL, "a rule for two methods");
    ok(ngx_leadgen_trie_add(trie, get) == NULL, "a rule for one");
    ok(ngx_leadgen_trie_add(trie, again) == both, "a duplicate says of what");
    ok(ngx_leadgen_trie_add(trie, rule_of("/a/:z", TEST_GET << 5)) == NULL,
       "another method of the same path is none");
    (void) ngx_leadgen_trie_compile(trie);

    ok(find(trie, NGX_LEADGEN_METHOD_POST, "/a/b").rule == both,
       "a literal without that method gives way to a parameter");
    ok(find(trie, NGX_LEADGEN_METHOD_GET, "/a/b").rule == get,
       "and not for its own");

    match = find(trie, NGX_LEADGEN_METHOD_DELETE, "/a/b");
    ok(match.rule == NULL, "no rule for that method");
    is_int(match.allowed, TEST_GET | TEST_POST | TEST_GET << 5,
           "the methods of all rules of the path");

    match = find(trie, (ngx_uint_t) NGX_ERROR, "/a/c");
    ok(match.rule == NULL, "no rule for a method nobody can name");
    is_int(match.allowed, TEST_GET | TEST_POST | TEST_GET << 5,
           "and what there is instead");

    match = find(trie, NGX_LEADGEN_METHOD_GET, "/b");
    is_int(match.allowed, 0, "nothing of an unknown path");
}


static void
test_many(void)
{
    char                  path[64];
    ngx_uint_t            i, wrong;
    ngx_leadgen_trie_t   *trie;
    ngx_leadgen_match_t   match;
    ngx_leadgen_rule_t  **rules;

    trie = ngx_leadgen_trie_create(pool);
    rules = ngx_pcalloc(pool, 10000 * sizeof(ngx_leadgen_rule_t *));

    for (i = 0; i < 10000; i++) {
        (void) snprintf(path, sizeof(path), "/api/v%d/r%d/:id/x%d",
                        (int) i % 10, (int) i / 10 % 100, (int) i / 1000);
        rules[i] = rule_of(path, TEST_GET);
        (void) ngx_leadgen_trie_add(trie, rules[i]);
    }

    (void) ngx_leadgen_trie_compile(trie);
    is_int(ngx_leadgen_trie_count(trie), 10000, "ten thousand routes");

    for (wrong = 0, i = 0; i < 10000; i++) {
        (void) snprintf(path, sizeof(path), "/api/v%d/r%d/%d/x%d",
                        (int) i % 10, (int) i / 10 % 100, (int) i,
                        (int) i / 1000);
        match = find(trie, NGX_LEADGEN_METHOD_GET, path);
        wrong += match.rule != rules[i];

        path[8]++;
        match = find(trie, NGX_LEADGEN_METHOD_POST, path);
        wrong += match.rule != NULL;
    }

    is_int(wrong, 0, "each is found");
}


static void
test_depth(void)
{
    char                 path[256];
    ngx_uint_t           i;
    ngx_leadgen_rule_t  *rule;
    ngx_leadgen_trie_t  *trie;

    trie = ngx_leadgen_trie_create(pool);

    for (i = 0; i < NGX_LEADGEN_MAX_SEGMENTS; i++) {
        ngx_memcpy(&path[2 * i], "/a", 3);
    }

    ok(ngx_leadgen_trie_add(trie, rule_of(path, TEST_GET)) == NULL,
       "as deep as may be");
    (void) ngx_leadgen_trie_compile(trie);
    ok(find(trie, NGX_LEADGEN_METHOD_GET, path).rule != NULL, "is found");

    ngx_memcpy(&path[2 * i], "/a", 3);
    rule = rule_of(path, TEST_GET);
    ok(ngx_leadgen_trie_add(trie, rule) == rule, "deeper is not taken");
    ok(find(trie, NGX_LEADGEN_METHOD_GET, path).rule == NULL, "nor found");
}


/*
 * The naive matcher: of all rules that match, the one that has, at the first
 * segment where two of them differ, the stronger kind.
 */

static int
kind(const char *segment)
{
    return strncmp(segment, "**", 2) == 0 ? 0 : *segment == ':' ? 1 : 2;
}


static int
matches(const char *rule, const char *path)
{
    size_t  n, m;

    for ( ;; ) {
        rule++;
        path++;

        n = strcspn(rule, "/");
        m = strcspn(path, "/");

        if (kind(rule) == 0) {
            return m != 0;
        }

        if (kind(rule) == 1 ? m == 0
                            : n != m || strncmp(rule, path, n) != 0)
        {
            return 0;
        }

        rule += n;
        path += m;

        if (*rule == '\0' || *path == '\0') {
            return *rule == *path;
        }
    }
}


static int
beats(const char *a, const char *b)
{
    while (*a && *b) {
        a++;
        b++;

        if (kind(a) != kind(b)) {
            return kind(a) > kind(b);
        }

        a += strcspn(a, "/");
        b += strcspn(b, "/");
    }

    return 0;
}


static void
random_path(char *path, ngx_uint_t is_rule)
{
    int                 n;
    static const char  *words[] = { "a", "b", "", ":x", ":x", "**" };

    *path = '\0';

    for (n = 1 + random() % 4; n; n--) {
        const char  *word = words[random() % (is_rule ? 6 : 3)];

        /* an empty segment can only be the last of a rule */
        if (is_rule && *word == '\0' && n > 1) {
            word = "c";
        }

        path += sprintf(path, "/%s", word);

        if (*word == '*') {
            break;
        }
    }
}


static void
test_random(void)
{
    char                 rules[12][64], path[64];
    const char          *want;
    ngx_uint_t           round, i, n, wrong;
    ngx_leadgen_trie_t  *trie;

    srandom(1);

    for (wrong = 0, round = 0; round < 3000; round++) {
        trie = ngx_leadgen_trie_create(pool);

        for (n = 0, i = 0; i < 12; i++) {
            random_path(rules[n], 1);
            n += ngx_leadgen_trie_add(trie, rule_of(rules[n], TEST_GET))
                 == NULL;
        }

        (void) ngx_leadgen_trie_compile(trie);

        for (i = 0; i < 20; i++) {
            ngx_uint_t  k;

            random_path(path, 0);

            for (want = "", k = 0; k < n; k++) {
                if (matches(rules[k], path)
                    && (*want == '\0' || beats(rules[k], want)))
                {
                    want = rules[k];
                }
            }

            if (strcmp(found(trie, NGX_LEADGEN_METHOD_GET, path), want) != 0) {
                unit_note("\"%s\": want \"%s\", got \"%s\"", path, want,
                          found(trie, NGX_LEADGEN_METHOD_GET, path));
                wrong++;
            }
        }
    }

    is_int(wrong, 0, "60000 random paths on 3000 random policies");
}


static void
test_memory(void)
{
    ngx_uint_t           n;
    ngx_leadgen_rule_t  *rule;
    ngx_leadgen_trie_t  *trie;

    for (n = 0; n < 20; n++) {
        rule = rule_of("/a/:x/b/**", TEST_GET);

        unit_alloc_fail = n;
        trie = ngx_leadgen_trie_create(pool);

        if (trie && ngx_leadgen_trie_add(trie, rule) == NULL
            && ngx_leadgen_trie_compile(trie) == NGX_OK)
        {
            unit_alloc_fail = -1;
            break;
        }

        unit_alloc_fail = -1;
    }

    ok(n > 2 && n < 20, "each allocation that fails is reported (%d did)",
       (int) n);
}


int
main(void)
{
    pool = ngx_create_pool(4096, ngx_cycle->log);

    test_precedence();
    test_params();
    test_methods();
    test_many();
    test_depth();
    test_random();
    test_memory();

    ngx_destroy_pool(pool);

    return unit_done();
}
