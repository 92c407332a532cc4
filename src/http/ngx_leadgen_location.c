
/*
 * Directives of location{}: policy blocks and handlers go in, the location's
 * configuration comes out.
 */


#include "ngx_leadgen_conf.h"
#include "ngx_leadgen_ctx.h"


/* Lifetime: the parsing of one policy block. */

typedef struct {
    ngx_leadgen_main_conf_t   *mcf;
    ngx_leadgen_trie_t        *trie;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_uint_t                 is_shadow;
    ngx_uint_t                 refused;     /* the last line was, by us */
    ngx_uint_t                 guards;      /* a line is not public */
} ngx_leadgen_location_block_t;


static ngx_conf_enum_t  ngx_leadgen_location_audit_modes[] = {
    { ngx_string("routes"), NGX_LEADGEN_AUDIT_ROUTES },
    { ngx_string("refused"), NGX_LEADGEN_AUDIT_REFUSED },
    { ngx_string("all"), NGX_LEADGEN_AUDIT_ALL },
    { ngx_null_string, 0 }
};


static ngx_leadgen_trie_t *ngx_leadgen_location_block(ngx_conf_t *cf,
    ngx_leadgen_location_block_t *block);
static void ngx_leadgen_location_explain(ngx_conf_t *cf,
    const ngx_leadgen_location_block_t *block);
static char *ngx_leadgen_location_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_leadgen_location_rule(ngx_conf_t *cf,
    ngx_leadgen_location_block_t *block);
static char *ngx_leadgen_location_reason(ngx_conf_t *cf, ngx_str_t *reason);
static ngx_int_t ngx_leadgen_location_only_decides(ngx_conf_t *cf,
    const ngx_str_t *words, ngx_uint_t nwords);
static ngx_int_t ngx_leadgen_location_reaches(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf, const ngx_leadgen_rule_t *rule);
static void ngx_leadgen_location_guards(ngx_conf_t *cf);


char *
ngx_leadgen_location_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_location_conf_t  *lcf = conf;

    ngx_str_t                      *word;
    ngx_leadgen_trie_t            **place;
    ngx_leadgen_location_block_t    block;

    word = cf->args->elts;
    block.refused = 0;
    block.is_shadow = (cf->args->nelts == 2);

    if (block.is_shadow && ngx_strcmp(word[1].data, "shadow") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown kind of policy \"%V\": write \"shadow\" "
                           "for one that only counts, or nothing", &word[1]);
        return NGX_CONF_ERROR;
    }

    place = block.is_shadow ? &lcf->shadow : &lcf->policy;

    if (*place != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (lcf->reason.len) {
        return "and \"leadgen_public\" contradict each other: write a line "
               "with \"public\" into the policy";
    }

    block.guards = 0;
    block.trie = ngx_leadgen_location_block(cf, &block);

    if (block.trie == NULL) {
        return NGX_CONF_ERROR;
    }

    *place = block.trie;

    if (!block.is_shadow) {
        lcf->guards = block.guards;
        lcf->is_own = 1;
        ngx_leadgen_location_guards(cf);
    }

    return NGX_CONF_OK;
}


/* What the lines of a policy block say, or NULL: already logged. */

static ngx_leadgen_trie_t *
ngx_leadgen_location_block(ngx_conf_t *cf, ngx_leadgen_location_block_t *block)
{
    char        *rv;
    ngx_conf_t   save;

    block->mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    block->clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    block->trie = ngx_leadgen_trie_create(cf->pool);

    if (block->trie == NULL) {
        return NULL;
    }

    ngx_leadgen_conf_note(cf, "leadgen_policy", &block->mcf->uses_zone);

    save = *cf;
    cf->handler = ngx_leadgen_location_line;
    cf->handler_conf = (char *) block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        ngx_leadgen_location_explain(cf, block);
        return NULL;
    }

    if (ngx_leadgen_trie_count(block->trie) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "an empty policy would deny everything: use "
                           "\"deny all\" for that");
        return NULL;
    }

    return ngx_leadgen_trie_compile(block->trie) == NGX_OK ? block->trie
                                                           : NULL;
}


/* nginx ends a word at "{", and says no more than that it did not expect it. */

static void
ngx_leadgen_location_explain(ngx_conf_t *cf,
    const ngx_leadgen_location_block_t *block)
{
    ngx_str_t  *word;

    word = cf->args->elts;

    if (block->refused || cf->args->nelts != 2 || word[1].len == 0
        || word[1].data[word[1].len - 1] != '/')
    {
        return;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V{\" in a policy line: write \":id\" for a segment "
                       "of any name", &word[1]);
}


static char *
ngx_leadgen_location_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_leadgen_location_block_t  *block = conf;

    char       *rv;
    ngx_str_t  *word;

    word = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(word[0].data, "include") == 0) {
        return ngx_conf_include(cf, dummy, conf);
    }

    rv = ngx_leadgen_location_rule(cf, block);
    block->refused = rv != NGX_CONF_OK;

    return rv;
}


static char *
ngx_leadgen_location_rule(ngx_conf_t *cf, ngx_leadgen_location_block_t *block)
{
    ngx_str_t                  *word;
    ngx_leadgen_rule_t         *rule, **place;
    const ngx_leadgen_rule_t   *known;

    word = cf->args->elts;

    if (block->is_shadow
        && ngx_leadgen_location_only_decides(cf, word, cf->args->nelts)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rule = ngx_leadgen_rule_parse(cf, word, cf->args->nelts,
                                  ngx_leadgen_action_find);

    if (rule == NULL
        || ngx_leadgen_location_reaches(cf, block->clcf, rule) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    known = ngx_leadgen_trie_add(block->trie, rule);

    if (known == rule) {
        return NGX_CONF_ERROR;
    }

    if (known) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "route \"%V %V\" is a duplicate of \"%V\" in "
                           "%V:%ui: leave one of them", &word[0], &word[1],
                           &known->path, &known->file, known->line);
        return NGX_CONF_ERROR;
    }

    place = ngx_array_push(&block->mcf->rules);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    *place = rule;
    rule->in_shadow = block->is_shadow;

    if (!rule->is_public) {
        block->guards = 1;
        ngx_leadgen_conf_note(cf, "leadgen_policy", &block->mcf->uses_keys);
    }

    if (rule->action != NGX_ERROR) {
        ngx_leadgen_conf_note(cf, "leadgen_policy", &block->mcf->uses_spool);
    }

    return NGX_CONF_OK;
}


/* Whether a line of a shadow says nothing but who may. */

static ngx_int_t
ngx_leadgen_location_only_decides(ngx_conf_t *cf, const ngx_str_t *words,
    ngx_uint_t nwords)
{
    ngx_uint_t  i, n;

    static const ngx_str_t  effects[] = {
        ngx_string("audit="), ngx_string("audit_mode="),
        ngx_string("capture="), ngx_string("job="), ngx_string("resource=")
    };

    for (i = 2; i < nwords; i++) {

        for (n = 0; n < sizeof(effects) / sizeof(effects[0]); n++) {

            if (ngx_strncmp(words[i].data, effects[n].data, effects[n].len)
                == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"%V\": a shadow policy decides, and has "
                                   "no effect: leave that to the enforced one",
                                   &words[i]);
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/*
 * A rule whose paths no request in this location can have is a mistake; what a
 * regular expression matches is anybody's guess.
 */

static ngx_int_t
ngx_leadgen_location_reaches(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf,
    const ngx_leadgen_rule_t *rule)
{
    size_t      len;
    ngx_str_t   prefix;
    ngx_uint_t  is_whole;

    if (clcf->noname || clcf->named || clcf->name.len == 0) {
        return NGX_OK;
    }

#if (NGX_PCRE)
    if (clcf->regex) {
        return NGX_OK;
    }
#endif

    prefix = ngx_leadgen_rule_prefix(rule);
    is_whole = (prefix.len == rule->path.len);

    len = ngx_min(prefix.len, clcf->name.len);

    if (ngx_memcmp(prefix.data, clcf->name.data, len) == 0
        && (!is_whole || prefix.len >= clcf->name.len)
        && (!clcf->exact_match || prefix.len <= clcf->name.len))
    {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "route \"%V\" is unreachable: no such path comes to "
                       "location \"%V\", write it into the one that it comes "
                       "to", &rule->path, &clcf->name);

    return NGX_ERROR;
}


char *
ngx_leadgen_location_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_location_conf_t  *lcf = conf;

    ngx_leadgen_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->api) {
        return "is duplicate";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (mcf->api == NULL) {
        mcf->api = ngx_leadgen_endpoint_trie(cf);
        if (mcf->api == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    ngx_leadgen_conf_note(cf, "leadgen_api", &mcf->uses_zone);
    ngx_leadgen_conf_note(cf, "leadgen_api", &mcf->uses_keys);
    ngx_leadgen_conf_note(cf, "leadgen_api", &mcf->uses_signing);
    ngx_leadgen_conf_note(cf, "leadgen_api", &mcf->uses_database);
    ngx_leadgen_conf_note(cf, "leadgen_api", &mcf->uses_spool);

    lcf->api = 1;
    ngx_leadgen_location_guards(cf);
    clcf->handler = ngx_leadgen_endpoint_handler;

    return NGX_CONF_OK;
}


static void
ngx_leadgen_location_guards(ngx_conf_t *cf)
{
    ngx_leadgen_server_conf_t  *scf;

    scf = ngx_http_conf_get_module_srv_conf(cf, ngx_leadgen_module);
    scf->guarded = 1;
}


char *
ngx_leadgen_location_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_leadgen_conf_note(cf, "leadgen_health", &mcf->uses_zone);
    mcf->health.enabled = 1;

    clcf->handler = ngx_leadgen_health_handler;

    return NGX_CONF_OK;
}


char *
ngx_leadgen_location_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_leadgen_conf_note(cf, "leadgen_metrics", &mcf->uses_zone);

    clcf->handler = ngx_leadgen_metrics_handler;

    return NGX_CONF_OK;
}


char *
ngx_leadgen_location_track(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_location_conf_t  *lcf = conf;

    ngx_str_t                 *word;
    ngx_leadgen_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->tracking_key.len) {
        return "is duplicate";
    }

    word = cf->args->elts;

    if (ngx_leadgen_keyfile_secret(cf, &word[1], &lcf->tracking_key)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_leadgen_conf_note(cf, "leadgen_track", &mcf->uses_zone);
    ngx_leadgen_conf_note(cf, "leadgen_track", &mcf->uses_spool);

    clcf->handler = ngx_leadgen_track_handler;
    lcf->is_own = 1;

    return NGX_CONF_OK;
}


char *
ngx_leadgen_location_guard(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_location_conf_t  *lcf = conf;

    char                     *rv;
    ngx_command_t             slot = *cmd;
    ngx_leadgen_main_conf_t  *mcf;

    slot.offset = offsetof(ngx_leadgen_location_conf_t, guard);
    slot.post = NULL;

    rv = ngx_conf_set_flag_slot(cf, &slot, conf);

    if (rv == NGX_CONF_OK && lcf->guard) {
        mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
        mcf->guards = 1;
    }

    return rv;
}


char *
ngx_leadgen_location_public(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_location_conf_t  *lcf = conf;

    char  *rv;

    rv = ngx_leadgen_location_reason(cf, &lcf->reason);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (lcf->policy != NGX_CONF_UNSET_PTR) {
        return "and \"leadgen_policy\" contradict each other: write a line "
               "with \"public\" into the policy";
    }

    lcf->is_own = 1;

    return NGX_CONF_OK;
}


char *
ngx_leadgen_location_cache_shared(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_leadgen_location_conf_t  *lcf = conf;

    return ngx_leadgen_location_reason(cf, &lcf->shared);
}


/* The one word of a directive that asks why. */

static char *
ngx_leadgen_location_reason(ngx_conf_t *cf, ngx_str_t *reason)
{
    ngx_str_t  *word;

    word = cf->args->elts;

    if (reason->len) {
        return "is duplicate";
    }

    if (word[1].len < 3) {
        return "needs a reason, for whoever reads this next";
    }

    *reason = word[1];

    return NGX_CONF_OK;
}


char *
ngx_leadgen_location_path_strict(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_command_t  slot = *cmd;

    slot.offset = offsetof(ngx_leadgen_location_conf_t, path_strict);
    slot.post = NULL;

    return ngx_conf_set_flag_slot(cf, &slot, conf);
}


char *
ngx_leadgen_location_pass_credentials(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_command_t  slot = *cmd;

    slot.offset = offsetof(ngx_leadgen_location_conf_t, pass_credentials);
    slot.post = NULL;

    return ngx_conf_set_flag_slot(cf, &slot, conf);
}


char *
ngx_leadgen_location_audit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_command_t             slot = *cmd;
    ngx_leadgen_main_conf_t  *mcf;

    slot.offset = offsetof(ngx_leadgen_location_conf_t, audit);
    slot.post = ngx_leadgen_location_audit_modes;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    ngx_leadgen_conf_note(cf, "leadgen_audit", &mcf->uses_spool);

    return ngx_conf_set_enum_slot(cf, &slot, conf);
}
