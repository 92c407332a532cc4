
/*
 * Any lines as rules, the last as a path: the rule that is found is one of
 * those, its parameters lie in the path, and finding ends.
 *
 * sources: src/policy/ngx_leadgen_trie.c src/policy/ngx_leadgen_rule.c
 * sources: src/policy/ngx_leadgen_condition.c
 * sources: src/policy/ngx_leadgen_capture.c src/policy/ngx_leadgen_task.c
 * sources: src/policy/ngx_leadgen_roles.c src/policy/ngx_leadgen_permission.c
 * sources: src/base/ngx_leadgen_text.c
 */


#include "unit.h"
#include "ngx_leadgen_policy.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   text[1024];
    va_list  args;

    (void) level;
    (void) cf;
    (void) err;

    /* what it would print must be readable */
    va_start(args, fmt);
    (void) ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);
}


/* Rules are what is fuzzed, not addresses, and no database has roles. */

ngx_int_t
ngx_ptocidr(ngx_str_t *text, ngx_cidr_t *cidr)
{
    (void) cidr;

    return text->len % 2 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_cidr_match(struct sockaddr *sa, ngx_array_t *cidrs)
{
    (void) sa;
    (void) cidrs;

    return NGX_DECLINED;
}


const ngx_leadgen_grant_t *
ngx_leadgen_grant_all(ngx_uint_t *n)
{
    *n = 0;

    return NULL;
}


const ngx_leadgen_grant_t *
ngx_leadgen_grant_find(const ngx_str_t *name)
{
    (void) name;

    return NULL;
}


static ngx_int_t
action(const ngx_str_t *name)
{
    return name->len == 5 ? 0 : NGX_ERROR;
}


/* Words of a line, each ended by a zero byte as nginx's are. */

static ngx_uint_t
words_of(ngx_pool_t *pool, const u_char *line, size_t len, ngx_str_t *words)
{
    size_t       i, n;
    ngx_uint_t   nwords;

    for (nwords = 0, i = 0; i < len && nwords < 8; i += n + 1) {
        for (n = 0; i + n < len && line[i + n] != ' '; n++) { /* void */ }

        words[nwords].len = n;
        words[nwords].data = ngx_pnalloc(pool, n + 1);
        ngx_memcpy(words[nwords].data, &line[i], n);
        words[nwords].data[n] = '\0';
        nwords++;
    }

    return nwords;
}


static void
check(const ngx_leadgen_trie_t *trie, const ngx_str_t *path,
    ngx_uint_t method)
{
    u_char                    *p;
    ngx_uint_t                 i;
    ngx_leadgen_match_t        match;
    const ngx_leadgen_rule_t  *rule;

    memset(&match, 0xa5, sizeof(match));
    ngx_leadgen_trie_find(trie, method, path, &match);

    rule = match.rule;

    if (rule == NULL) {
        return;
    }

    if (!(rule->methods & 1 << method) || !(match.allowed & 1 << method)) {
        abort();
    }

    for (p = path->data, i = 0; i < rule->params.nelts; i++) {

        if (match.params[i].len == 0
            || match.params[i].data <= p
            || match.params[i].data + match.params[i].len
               > path->data + path->len
            || memchr(match.params[i].data, '/', match.params[i].len))
        {
            abort();
        }

        p = match.params[i].data;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char              *line, *end, *last;
    ngx_str_t            path, words[8];
    ngx_uint_t           nwords, method;
    ngx_conf_t           conf;
    ngx_conf_file_t      file;
    ngx_pool_t          *pool;
    ngx_leadgen_rule_t  *rule;
    ngx_leadgen_trie_t  *trie;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    ngx_memzero(&conf, sizeof(conf));
    ngx_memzero(&file, sizeof(file));
    conf.pool = pool;
    conf.conf_file = &file;

    trie = ngx_leadgen_trie_create(pool);

    line = (u_char *) data;
    last = line + size;

    for ( ;; ) {
        end = memchr(line, '\n', last - line);
        if (end == NULL) {
            break;
        }

        nwords = words_of(pool, line, end - line, words);
        rule = ngx_leadgen_rule_parse(&conf, words, nwords, action);

        if (rule) {
            (void) ngx_leadgen_trie_add(trie, rule);
            (void) ngx_leadgen_rule_prefix(rule);
        }

        line = end + 1;
    }

    if (ngx_leadgen_trie_compile(trie) != NGX_OK) {
        abort();
    }

    path.len = last - line;
    path.data = malloc(path.len);
    ngx_memcpy(path.data, line, path.len);

    for (method = 0; method < NGX_LEADGEN_NMETHODS; method++) {
        check(trie, &path, method);
    }

    free(path.data);
    ngx_destroy_pool(pool);

    return 0;
}
