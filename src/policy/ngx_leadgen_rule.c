
/*
 * Rules: the words of a policy line go in, one rule comes out.
 */


#include "ngx_leadgen_policy.h"


static ngx_int_t ngx_leadgen_rule_methods(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t *word);
static ngx_int_t ngx_leadgen_rule_path(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t *word);
static ngx_int_t ngx_leadgen_rule_param(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t *name);
static ngx_uint_t ngx_leadgen_rule_is_next(const ngx_str_t *word);
static ngx_int_t ngx_leadgen_rule_grant(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t *word, ngx_uint_t *authenticated);
static ngx_int_t ngx_leadgen_rule_option(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t *word,
    ngx_leadgen_rule_action_pt action);
static ngx_int_t ngx_leadgen_rule_mode(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t *word);


const ngx_str_t  ngx_leadgen_rule_names[NGX_LEADGEN_NMETHODS] = {
    ngx_string("GET"),
    ngx_string("POST"),
    ngx_string("PUT"),
    ngx_string("PATCH"),
    ngx_string("DELETE"),
    ngx_string("OPTIONS")
};


/* The actions that audit= may name, each behind a space. */

static const char  ngx_leadgen_rule_actions[] =
#define NGX_LEADGEN_RULE_BUSINESS(name)  " " name
#define NGX_LEADGEN_RULE_ACCESS(name)
#define NGX_LEADGEN_RULE_JOBS(name)
#define NGX_LEADGEN_RULE_TRACKING(name)
#define ACTION(id, name, scope, resource, text)                               \
    NGX_LEADGEN_RULE_##scope(name)
#include "tables/actions.def"
#undef ACTION
;


ngx_leadgen_rule_t *
ngx_leadgen_rule_parse(ngx_conf_t *cf, ngx_str_t *words, ngx_uint_t nwords,
    ngx_leadgen_rule_action_pt action)
{
    ngx_int_t            rc;
    ngx_uint_t           i, authenticated;
    ngx_leadgen_rule_t  *rule;

    if (nwords < 3) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a policy line is METHOD PATH GRANT [OPTION...]");
        return NULL;
    }

    rule = ngx_pcalloc(cf->pool, sizeof(ngx_leadgen_rule_t));
    if (rule == NULL) {
        return NULL;
    }

    rule->action = NGX_ERROR;
    rule->resource_id = NGX_ERROR;
    rule->file = cf->conf_file->file.name;
    rule->line = cf->conf_file->line;

    if (ngx_array_init(&rule->params, cf->pool, 2, sizeof(ngx_str_t)) != NGX_OK
        || ngx_leadgen_rule_methods(cf, rule, &words[0]) != NGX_OK
        || ngx_leadgen_rule_path(cf, rule, &words[1]) != NGX_OK)
    {
        return NULL;
    }

    authenticated = 0;

    for (i = 2; i < nwords; i++) {

        rc = ngx_leadgen_rule_grant(cf, rule, &words[i], &authenticated);

        if (rc == NGX_DECLINED) {
            rc = ngx_leadgen_condition_parse(cf, rule, &words[i]);
        }

        if (rc == NGX_DECLINED) {
            rc = ngx_leadgen_rule_option(cf, rule, &words[i], action);
        }

        if (rc != NGX_OK) {
            return NULL;
        }
    }

    if (rule->permissions || rule->roles) {
        authenticated = 1;
    }

    if ((rule->has_mode || rule->captures) && rule->action == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "audit_mode=, capture= and job= are of use with "
                           "audit= only");
        return NULL;
    }

    if (rule->task.len && rule->has_mode) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "job= is done for sure, so that there is no "
                           "audit_mode= beside it");
        return NULL;
    }

    if (rule->upgrade && !(rule->methods & 1 << NGX_LEADGEN_METHOD_GET)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"upgrade\" is for routes with GET: a WebSocket "
                           "begins with one");
        return NULL;
    }

    if (rule->is_public == authenticated) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a policy line needs \"public\", or "
                           "\"authenticated\", a permission or role=");
        return NULL;
    }

    if (rule->is_public && rule->own) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "own= needs to know who asks: use \"authenticated\" "
                           "in place of \"public\"");
        return NULL;
    }

    return ngx_leadgen_rule_names_permissions(cf->pool, rule) == NGX_OK
           ? rule : NULL;
}


ngx_int_t
ngx_leadgen_rule_names_permissions(ngx_pool_t *pool, ngx_leadgen_rule_t *rule)
{
    u_char           *p;
    size_t            len;
    ngx_uint_t        i;
    const ngx_str_t  *name;

    len = 1;

    for (i = 0; i < NGX_LEADGEN_NPERMISSIONS; i++) {
        if (rule->permissions & ngx_leadgen_permission_bit(i)) {
            len += ngx_leadgen_permissions[i].name.len + 1;
        }
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    rule->requires.data = p;

    for (i = 0; i < NGX_LEADGEN_NPERMISSIONS; i++) {
        name = &ngx_leadgen_permissions[i].name;

        if (rule->permissions & ngx_leadgen_permission_bit(i)) {
            p = ngx_sprintf(p, "%s%V", p == rule->requires.data ? "" : " ",
                            name);
        }
    }

    rule->requires.len = p - rule->requires.data;

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_rule_methods(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_str_t *word)
{
    ngx_int_t  method;
    ngx_str_t  list, name;

    list = *word;

    do {
        name = ngx_leadgen_rule_word(&list, '|');
        method = ngx_leadgen_rule_method(&name);

        if (method == NGX_ERROR
            || (name.len == 4 && name.data[0] == 'H'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown method \"%V\": use GET (for HEAD, "
                               "too), POST, PUT, PATCH, DELETE or OPTIONS, "
                               "several with \"|\" between", &name);
            return NGX_ERROR;
        }

        if (rule->methods & (1 << method)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "method \"%V\" stands twice: once will do",
                               &name);
            return NGX_ERROR;
        }

        rule->methods |= 1 << method;

    } while (list.data);

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_rule_method(const ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_NMETHODS; i++) {

        if (ngx_leadgen_rule_names[i].len == name->len
            && ngx_memcmp(ngx_leadgen_rule_names[i].data, name->data, name->len)
               == 0)
        {
            return i;
        }
    }

    if (name->len == 4 && ngx_memcmp(name->data, "HEAD", 4) == 0) {
        return NGX_LEADGEN_METHOD_GET;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_rule_path(ngx_conf_t *cf, ngx_leadgen_rule_t *rule, ngx_str_t *word)
{
    ngx_str_t   rest, segment;
    ngx_uint_t  n;

    if (word->len == 0 || word->data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "path \"%V\" does not begin with \"/\": write all "
                           "of it, not only what follows the location's",
                           word);
        return NGX_ERROR;
    }

    rule->path = *word;

    rest.data = word->data + 1;
    rest.len = word->len - 1;
    n = 0;

    do {
        segment = ngx_leadgen_rule_word(&rest, '/');

        if (++n > NGX_LEADGEN_MAX_SEGMENTS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "path \"%V\" has more than %d segments: end it "
                               "with \"**\" before that", word,
                               NGX_LEADGEN_MAX_SEGMENTS);
            return NGX_ERROR;
        }

        if (segment.len == 0 && rest.data) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "path \"%V\" has an empty segment, which no "
                               "request can have: take one \"/\" out", word);
            return NGX_ERROR;
        }

        if (segment.len && segment.data[0] == ':') {
            if (ngx_leadgen_rule_param(cf, rule, &segment) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (segment.len == 2 && ngx_memcmp(segment.data, "**", 2) == 0) {
            if (rest.data == NULL) {
                continue;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"**\" in path \"%V\" must be the last segment",
                               word);
            return NGX_ERROR;
        }

        if (ngx_strlchr(segment.data, segment.data + segment.len, '*')
            || ngx_strlchr(segment.data, segment.data + segment.len, '%')
            || ngx_strlchr(segment.data, segment.data + segment.len, '?'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "segment \"%V\" of path \"%V\": write a path "
                               "decoded, with \":name\" for any segment and a "
                               "last \"**\" for all the rest",
                               &segment, word);
            return NGX_ERROR;
        }

    } while (rest.data);

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_rule_param(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_str_t *segment)
{
    u_char      c;
    ngx_str_t  *name;
    ngx_uint_t  i;

    if (segment->len < 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\":\" in path \"%V\" needs a name, such as \":id\"",
                           &rule->path);
        return NGX_ERROR;
    }

    for (i = 1; i < segment->len; i++) {
        c = segment->data[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in path \"%V\": a name has a-z, 0-9 "
                               "and \"_\"", segment, &rule->path);
            return NGX_ERROR;
        }
    }

    if (rule->params.nelts == NGX_LEADGEN_MAX_PARAMS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "path \"%V\" has more than %d names: end it with "
                           "\"**\" before that", &rule->path,
                           NGX_LEADGEN_MAX_PARAMS);
        return NGX_ERROR;
    }

    name = rule->params.elts;

    for (i = 0; i < rule->params.nelts; i++) {

        if (name[i].len == segment->len - 1
            && ngx_memcmp(name[i].data, segment->data + 1, name[i].len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" stands twice in path \"%V\": give one "
                               "of them another name", segment, &rule->path);
            return NGX_ERROR;
        }
    }

    name = ngx_array_push(&rule->params);
    if (name == NULL) {
        return NGX_ERROR;
    }

    name->data = segment->data + 1;
    name->len = segment->len - 1;

    /* the last name is the resource's: /teams/:team_id/members/:id */

    rule->resource_id = rule->params.nelts - 1;

    return NGX_OK;
}


/* Whether a word is what a line begins with: methods, or their path. */

static ngx_uint_t
ngx_leadgen_rule_is_next(const ngx_str_t *word)
{
    ngx_str_t  list, name;

    list = *word;
    name = ngx_leadgen_rule_word(&list, '|');

    return (word->len && word->data[0] == '/')
           || ngx_leadgen_rule_method(&name) != NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_rule_grant(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_str_t *word, ngx_uint_t *authenticated)
{
    ngx_int_t  permission;

    if (word->len == 6 && ngx_memcmp(word->data, "public", 6) == 0) {
        rule->is_public = 1;
        return NGX_OK;
    }

    if (word->len == 13 && ngx_memcmp(word->data, "authenticated", 13) == 0) {
        *authenticated = 1;
        return NGX_OK;
    }

    if (ngx_strlchr(word->data, word->data + word->len, '=')) {
        return NGX_DECLINED;
    }

    if (word->len == 7 && ngx_memcmp(word->data, "upgrade", 7) == 0) {
        rule->upgrade = 1;
        return NGX_OK;
    }

    if (ngx_leadgen_rule_is_next(word)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" stands within a policy line: is a \";\" "
                           "missing before?", word);
        return NGX_ERROR;
    }

    if (ngx_strlchr(word->data, word->data + word->len, ',')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": write permissions with blanks between",
                           word);
        return NGX_ERROR;
    }

    permission = ngx_leadgen_permission_find(word);
    if (permission == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown permission \"%V\": use public, "
                           "authenticated, or some of%s", word,
                           ngx_leadgen_permission_names);
        return NGX_ERROR;
    }

    rule->permissions |= ngx_leadgen_permission_bit(permission);

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_rule_option(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_str_t *word, ngx_leadgen_rule_action_pt action)
{
    ngx_str_t  value;

    if (ngx_strncmp(word->data, "audit=", 6) == 0) {
        value.data = word->data + 6;
        value.len = word->len - 6;

        rule->action = action(&value);
        if (rule->action == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown audit action \"%V\": use one of%s",
                               &value, ngx_leadgen_rule_actions);
        }

        return rule->action == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    if (ngx_strncmp(word->data, "resource=", 9) == 0 && word->len > 9) {
        rule->resource.data = word->data + 9;
        rule->resource.len = word->len - 9;

        return NGX_OK;
    }

    if (ngx_strncmp(word->data, "capture=", 8) == 0) {
        value.data = word->data + 8;
        value.len = word->len - 8;

        return ngx_leadgen_capture_add(cf, rule, &value);
    }

    if (ngx_strncmp(word->data, "job=", 4) == 0) {
        value.data = word->data + 4;
        value.len = word->len - 4;

        return ngx_leadgen_task_parse(cf, rule, &value);
    }

    if (ngx_strncmp(word->data, "audit_mode=", 11) == 0) {
        return ngx_leadgen_rule_mode(cf, rule, word);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown option \"%V\" in a policy line: use role=, "
                       "own=, ip=, audit=, audit_mode=, capture=, job= or "
                       "resource=, each with a value", word);

    return NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_rule_mode(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_str_t *word)
{
    ngx_uint_t  i;

    static const struct {
        const char             *name;
        ngx_leadgen_mode_e      mode;
    } modes[] = {
        { "strict", NGX_LEADGEN_MODE_STRICT },
        { "normal", NGX_LEADGEN_MODE_NORMAL },
        { "best_effort", NGX_LEADGEN_MODE_BEST_EFFORT }
    };

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (ngx_strcmp(word->data + 11, modes[i].name) == 0) {
            rule->audit_mode = modes[i].mode;
            rule->has_mode = 1;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is none of strict, normal and best_effort",
                       word);

    return NGX_ERROR;
}


ngx_str_t
ngx_leadgen_rule_word(ngx_str_t *list, u_char separator)
{
    u_char     *p;
    ngx_str_t   word;

    p = ngx_strlchr(list->data, list->data + list->len, separator);

    word.data = list->data;

    if (p == NULL) {
        word.len = list->len;
        ngx_str_null(list);
        return word;
    }

    word.len = p - list->data;
    list->len -= word.len + 1;
    list->data = p + 1;

    return word;
}


ngx_str_t
ngx_leadgen_rule_prefix(const ngx_leadgen_rule_t *rule)
{
    u_char     *p, *last;
    ngx_str_t   prefix;

    prefix = rule->path;
    last = prefix.data + prefix.len;

    for (p = prefix.data; p < last; p++) {

        if (p[0] == '/' && last - p > 1
            && (p[1] == ':' || (last - p == 3 && p[1] == '*')))
        {
            prefix.len = p + 1 - prefix.data;
            break;
        }
    }

    return prefix;
}
