
/*
 * The survey: all locations of a configuration that was read go in, a refusal
 * of what would pass the policy by comes out, or how many routes there are.
 */


#include "ngx_leadgen_conf.h"
#include "ngx_leadgen_ctx.h"


/* nginx's modules that pass requests on, and the directives for that. */

static const struct {
    const char  *module;
    const char  *directive;
} ngx_leadgen_survey_proxies[] = {
    { "ngx_http_proxy_module", "proxy_pass" },
    { "ngx_http_fastcgi_module", "fastcgi_pass" },
    { "ngx_http_uwsgi_module", "uwsgi_pass" },
    { "ngx_http_scgi_module", "scgi_pass" },
    { "ngx_http_grpc_module", "grpc_pass" },
    { "ngx_http_memcached_module", "memcached_pass" }
};

#define NGX_LEADGEN_SURVEY_NPROXIES                                           \
    (sizeof(ngx_leadgen_survey_proxies)                                       \
     / sizeof(ngx_leadgen_survey_proxies[0]))


/* Lifetime: the survey. */

typedef struct {
    const ngx_module_t          *module;    /* NULL: not in this nginx */
    ngx_http_handler_pt          handler;   /* NULL: not known */
} ngx_leadgen_survey_proxy_t;


static void ngx_leadgen_survey_learn(ngx_conf_t *cf,
    ngx_leadgen_survey_proxy_t *proxies);
static ngx_http_handler_pt ngx_leadgen_survey_try(ngx_conf_t *cf,
    const ngx_module_t *module, ngx_command_t *cmd);
static ngx_int_t ngx_leadgen_survey_check(ngx_conf_t *cf,
    const ngx_leadgen_survey_t *place,
    const ngx_leadgen_survey_proxy_t *proxies);
static ngx_int_t ngx_leadgen_survey_check_proxy(ngx_conf_t *cf,
    const ngx_leadgen_survey_t *place,
    const ngx_leadgen_survey_proxy_t *proxies);
static ngx_int_t ngx_leadgen_survey_proxies_by(
    const ngx_http_core_loc_conf_t *clcf,
    const ngx_leadgen_survey_proxy_t *proxies);
static const char *ngx_leadgen_survey_returns(ngx_conf_t *cf,
    const ngx_http_core_loc_conf_t *clcf);
static ngx_int_t ngx_leadgen_survey_refuse(ngx_conf_t *cf,
    const ngx_leadgen_survey_t *place, const char *format, const char *word);
static void ngx_leadgen_survey_tell(ngx_conf_t *cf,
    const ngx_leadgen_main_conf_t *mcf, ngx_uint_t open);


ngx_int_t
ngx_leadgen_survey_note(ngx_conf_t *cf, ngx_leadgen_location_conf_t *lcf)
{
    ngx_leadgen_survey_t      *place;
    ngx_leadgen_main_conf_t   *mcf;
    ngx_http_core_srv_conf_t  *cscf;
    ngx_http_core_loc_conf_t  *clcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* what a server says outside of its locations is none */

    if (clcf == cscf->ctx->loc_conf[ngx_http_core_module.ctx_index]) {
        return NGX_OK;
    }

    place = ngx_array_push(&mcf->places);
    if (place == NULL) {
        return NGX_ERROR;
    }

    place->core = clcf;
    place->conf = lcf;
    place->server = ngx_http_conf_get_module_srv_conf(cf, ngx_leadgen_module);

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_survey(ngx_conf_t *cf)
{
    ngx_uint_t                   i, open;
    ngx_leadgen_survey_t        *place;
    ngx_leadgen_main_conf_t     *mcf;
    ngx_leadgen_survey_proxy_t   proxies[NGX_LEADGEN_SURVEY_NPROXIES];

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    place = mcf->places.elts;

    ngx_memzero(proxies, sizeof(proxies));

    if (mcf->guards || mcf->rules.nelts) {
        ngx_leadgen_survey_learn(cf, proxies);
    }

    open = 0;

    for (i = 0; i < mcf->places.nelts; i++) {

        if (ngx_leadgen_survey_check(cf, &place[i], proxies) != NGX_OK) {
            return NGX_ERROR;
        }

        open += (place[i].conf->reason.len && place[i].conf->is_own);
    }

    if (mcf->rules.nelts || open) {
        ngx_leadgen_survey_tell(cf, mcf, open);
    }

    return NGX_OK;
}


/*
 * A location's handler tells which directive set it, but a module keeps its
 * handler to itself: the directive is carried out once more, on a configuration
 * that is thrown away.  With a variable for a server it leaves nothing behind.
 */

static void
ngx_leadgen_survey_learn(ngx_conf_t *cf, ngx_leadgen_survey_proxy_t *proxies)
{
    ngx_uint_t       i, n;
    ngx_module_t   **module;
    ngx_command_t   *cmd;

    module = cf->cycle->modules;

    for (i = 0; i < NGX_LEADGEN_SURVEY_NPROXIES; i++) {

        for (n = 0; module[n]; n++) {
            if (ngx_strcmp(module[n]->name,
                           ngx_leadgen_survey_proxies[i].module) == 0)
            {
                proxies[i].module = module[n];
                break;
            }
        }

        /* memcached_pass takes no variables */

        if (module[n] == NULL || i == NGX_LEADGEN_SURVEY_NPROXIES - 1) {
            continue;
        }

        for (cmd = module[n]->commands; cmd->name.len; cmd++) {
            if (ngx_strcmp(cmd->name.data,
                           ngx_leadgen_survey_proxies[i].directive) == 0)
            {
                proxies[i].handler = ngx_leadgen_survey_try(cf, module[n],
                                                            cmd);
            }
        }
    }
}


static ngx_http_handler_pt
ngx_leadgen_survey_try(ngx_conf_t *cf, const ngx_module_t *module,
    ngx_command_t *cmd)
{
    void                       *conf;
    ngx_str_t                   words[2];
    ngx_conf_t                  scratch;
    ngx_array_t                 args;
    ngx_http_module_t          *type;
    ngx_http_conf_ctx_t         ctx;
    ngx_http_core_loc_conf_t   *clcf;

    type = module->ctx;
    conf = type->create_loc_conf(cf);
    clcf = ngx_pcalloc(cf->temp_pool, sizeof(ngx_http_core_loc_conf_t));

    ctx = *(ngx_http_conf_ctx_t *) cf->ctx;
    ctx.loc_conf = ngx_pcalloc(cf->temp_pool,
                               sizeof(void *) * ngx_http_max_module);

    if (conf == NULL || clcf == NULL || ctx.loc_conf == NULL) {
        return NULL;
    }

    ctx.loc_conf[ngx_http_core_module.ctx_index] = clcf;
    ctx.loc_conf[module->ctx_index] = conf;

    words[0] = cmd->name;
    ngx_str_set(&words[1], "$uri");

    ngx_memzero(&args, sizeof(ngx_array_t));
    args.elts = words;
    args.nelts = 2;

    scratch = *cf;
    scratch.ctx = &ctx;
    scratch.args = &args;

    return cmd->set(&scratch, cmd, conf) == NGX_CONF_OK ? clcf->handler : NULL;
}


static ngx_int_t
ngx_leadgen_survey_check(ngx_conf_t *cf, const ngx_leadgen_survey_t *place,
    const ngx_leadgen_survey_proxy_t *proxies)
{
    const char                         *wrong;
    const ngx_http_core_loc_conf_t     *clcf;
    const ngx_leadgen_location_conf_t  *lcf;

    clcf = place->core;
    lcf = place->conf;

    if (lcf->api && clcf->handler != ngx_leadgen_endpoint_handler) {
        return ngx_leadgen_survey_refuse(cf, place,
                   "\"leadgen_api\" in location \"%V\" is replaced by another "
                   "directive that answers: use two locations", NULL);
    }

    if (lcf->api && lcf->policy && lcf->is_own) {
        return ngx_leadgen_survey_refuse(cf, place,
                   "\"leadgen_api\" in location \"%V\" has a policy of its "
                   "own: take \"leadgen_policy\" out", NULL);
    }

    wrong = lcf->policy && lcf->is_own
            ? ngx_leadgen_survey_returns(cf, clcf) : NULL;

    if (wrong) {
        return ngx_leadgen_survey_refuse(cf, place, wrong, NULL);
    }

    if (lcf->policy
        && clcf->alias && clcf->alias == clcf->name.len
        && clcf->name.data[clcf->name.len - 1] != '/'
        && clcf->root.len && clcf->root.data[clcf->root.len - 1] == '/')
    {
        return ngx_leadgen_survey_refuse(cf, place,
                   "\"alias\" of location \"%V\" ends with \"/\" and the "
                   "location does not, which opens the directory above it: end "
                   "both with \"/\"", NULL);
    }

    return ngx_leadgen_survey_check_proxy(cf, place, proxies);
}


static ngx_int_t
ngx_leadgen_survey_check_proxy(ngx_conf_t *cf,
    const ngx_leadgen_survey_t *place,
    const ngx_leadgen_survey_proxy_t *proxies)
{
    ngx_int_t    i;
    const char  *directive, *wrong;

    i = ngx_leadgen_survey_proxies_by(place->core, proxies);

    if (i == NGX_ERROR) {
        return NGX_OK;
    }

    directive = ngx_leadgen_survey_proxies[i].directive;

    if (place->conf->guard && !place->conf->policy && !place->conf->api
        && !place->conf->reason.len)
    {
        return ngx_leadgen_survey_refuse(cf, place,
                   "location \"%V\" passes on by \"%s\" what nobody judged: "
                   "give it a \"leadgen_policy\", or say why not: "
                   "leadgen_public \"reason\";", directive);
    }

    wrong = ngx_leadgen_caching(cf, place, proxies[i].module, directive);

    return wrong ? ngx_leadgen_survey_refuse(cf, place, wrong, directive)
                 : NGX_OK;
}


/* Which of these directives passes a location's requests on, or NGX_ERROR. */

static ngx_int_t
ngx_leadgen_survey_proxies_by(const ngx_http_core_loc_conf_t *clcf,
    const ngx_leadgen_survey_proxy_t *proxies)
{
    ngx_uint_t                      i;
    const ngx_http_upstream_conf_t *upstream;

    if (clcf->handler == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_LEADGEN_SURVEY_NPROXIES; i++) {

        if (proxies[i].module == NULL) {
            continue;
        }

        /* of each of these modules it is the configuration's first member */

        upstream = clcf->loc_conf[proxies[i].module->ctx_index];

        if (clcf->handler == proxies[i].handler
            || (proxies[i].handler == NULL && upstream->upstream))
        {
            return i;
        }
    }

    return NGX_ERROR;
}


/*
 * What in a location answers before its policy is asked, in words, or NULL.
 * nginx's own "return" and "rewrite" are words of a program that the rewrite
 * module made; conditions stand there before what depends on them.  One that
 * refuses on a condition takes nothing from the policy.
 */

static const char *
ngx_leadgen_survey_returns(ngx_conf_t *cf, const ngx_http_core_loc_conf_t *clcf)
{
    uintptr_t     *word, *last;
    ngx_uint_t     n, conditional;
    ngx_array_t  **codes;

    for (n = 0; cf->cycle->modules[n]; n++) {
        if (ngx_strcmp(cf->cycle->modules[n]->name, "ngx_http_rewrite_module")
            == 0)
        {
            break;
        }
    }

    if (cf->cycle->modules[n] == NULL) {
        return NULL;
    }

    codes = clcf->loc_conf[cf->cycle->modules[n]->ctx_index];

    if (*codes == NULL) {
        return NULL;
    }

    conditional = 0;
    word = (*codes)->elts;
    last = (uintptr_t *) ((u_char *) (*codes)->elts
                          + (*codes)->nelts * (*codes)->size);

    for ( /* void */ ; word < last; word++) {

        if (*word == (uintptr_t) ngx_http_script_if_code) {
            conditional = 1;

        } else if (*word == (uintptr_t) ngx_http_script_return_code
                   && !conditional)
        {
            return "\"return\" in location \"%V\" answers before its policy "
                   "is asked: take one of them out";

        } else if (*word == (uintptr_t) ngx_http_script_return_code
                   && ((ngx_http_script_return_code_t *) word)->status
                      < NGX_HTTP_BAD_REQUEST)
        {
            return "\"return\" in an \"if\" in location \"%V\" answers before "
                   "its policy is asked: put it into the server or a location "
                   "without a policy, or return 4xx";

#if (NGX_PCRE)
        } else if (*word == (uintptr_t) ngx_http_script_regex_start_code
                   && ((ngx_http_script_regex_code_t *) word)->redirect)
        {
            return "\"rewrite\" in location \"%V\" sends clients away before "
                   "its policy is asked: put it into the server or a location "
                   "without a policy";
#endif
        }
    }

    return NULL;
}


static ngx_int_t
ngx_leadgen_survey_refuse(ngx_conf_t *cf, const ngx_leadgen_survey_t *place,
    const char *format, const char *word)
{
    u_char  *p, text[NGX_MAX_CONF_ERRSTR];

    p = ngx_slprintf(text, text + sizeof(text), format, &place->core->name,
                     word);

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%*s in %V:%ui",
                  (size_t) (p - text), text,
                  &place->conf->file, place->conf->line);

    return NGX_ERROR;
}


/* "nginx -t" shows on the terminal what else goes to the error log. */

static void
ngx_leadgen_survey_tell(ngx_conf_t *cf, const ngx_leadgen_main_conf_t *mcf,
    ngx_uint_t open)
{
    u_char               *p, text[NGX_MAX_CONF_ERRSTR];
    ngx_uint_t            i, public, guarded, shadowed;
    ngx_leadgen_rule_t  **rule;

    rule = mcf->rules.elts;
    public = guarded = shadowed = 0;

    for (i = 0; i < mcf->rules.nelts; i++) {

        if (rule[i]->in_shadow) {
            shadowed++;

        } else if (rule[i]->is_public) {
            public++;

        } else {
            guarded++;
        }
    }

    p = ngx_slprintf(text, text + sizeof(text),
                     "leadgen: routes: %ui guarded, %ui public; locations "
                     "left public: %ui", guarded, public, open);

    if (shadowed) {
        p = ngx_slprintf(p, text + sizeof(text),
                         "; routes of shadows, which refuse nothing: %ui",
                         shadowed);
    }

    if (ngx_test_config && !ngx_quiet_mode) {
        ngx_log_stderr(0, "[notice] %*s", (size_t) (p - text), text);
    }

    ngx_log_error(NGX_LOG_NOTICE, cf->log, 0, "%*s", (size_t) (p - text), text);
}
