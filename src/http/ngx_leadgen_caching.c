
/*
 * Caches: a location goes in whose answers are kept by nginx, a refusal comes
 * out when one user would get another's.
 */


#include "ngx_leadgen_conf.h"
#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_CACHING_NAME  64        /* bytes, of a directive */


static ngx_uint_t ngx_leadgen_caching_is_guarded(
    const ngx_leadgen_survey_t *place);
static ngx_str_t ngx_leadgen_caching_key(ngx_conf_t *cf,
    const ngx_leadgen_survey_t *place, const ngx_module_t *module,
    const char *directive);
static ssize_t ngx_leadgen_caching_offset(ngx_conf_t *cf,
    const ngx_module_t *module, const char *directive);
static ngx_int_t ngx_leadgen_caching_try(ngx_conf_t *cf,
    const ngx_module_t *module, const char *directive, ngx_str_t *word,
    void *conf);
static ngx_uint_t ngx_leadgen_caching_has_user(const ngx_str_t *key);


const char *
ngx_leadgen_caching(ngx_conf_t *cf, const ngx_leadgen_survey_t *place,
    const ngx_module_t *module, const char *pass)
{
#if (NGX_HTTP_CACHE)

    u_char                           directive[NGX_LEADGEN_CACHING_NAME];
    ngx_str_t                        key;
    const ngx_http_upstream_conf_t  *upstream;

    /* of each module that has a cache it is the configuration's first member */

    upstream = place->core->loc_conf[module->ctx_index];

    if (!upstream->cache
        || place->conf->shared.len
        || !ngx_leadgen_caching_is_guarded(place))
    {
        return NULL;
    }

    *ngx_snprintf(directive, sizeof(directive) - 1, "%*scache_key",
                  ngx_strlen(pass) - 4, pass) = '\0';

    key = ngx_leadgen_caching_key(cf, place, module, (char *) directive);

    if (!ngx_leadgen_caching_has_user(&key)) {
        return "location \"%V\" keeps what \"%s\" brings for all users "
               "alike: put $leadgen_user_id into the key of its cache, or say "
               "why not: leadgen_cache_shared \"reason\";";
    }

#endif

    return NULL;
}


/* What a policy led to a named location is somebody's answer there, too. */

static ngx_uint_t
ngx_leadgen_caching_is_guarded(const ngx_leadgen_survey_t *place)
{
    if (place->conf->policy) {
        return place->conf->guards;
    }

    return place->core->named && place->server->guarded;
}


/* The text of a key as it is configured, empty when there is none. */

static ngx_str_t
ngx_leadgen_caching_key(ngx_conf_t *cf, const ngx_leadgen_survey_t *place,
    const ngx_module_t *module, const char *directive)
{
    u_char                          *conf;
    ssize_t                          offset;
    ngx_str_t                        none = ngx_null_string;
    const ngx_http_complex_value_t  *key;

    offset = ngx_leadgen_caching_offset(cf, module, directive);

    if (offset == NGX_ERROR) {
        return none;
    }

    conf = place->core->loc_conf[module->ctx_index];
    key = (ngx_http_complex_value_t *) (conf + offset);

    return key->value;
}


/*
 * A module keeps where its key is to itself: the directive is carried out on a
 * configuration that is thrown away, and the text found in that.  It is the
 * first piece of a pool of its own, so that it is known where it ends.
 */

static ssize_t
ngx_leadgen_caching_offset(ngx_conf_t *cf, const ngx_module_t *module,
    const char *directive)
{
    u_char      *conf, *end, *p;
    ssize_t      offset;
    ngx_str_t    word = ngx_string("key"), text;
    ngx_pool_t  *pool;
    ngx_conf_t   scratch;

    pool = ngx_create_pool(NGX_CYCLE_POOL_SIZE, cf->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    scratch = *cf;
    scratch.pool = pool;

    offset = NGX_ERROR;
    conf = ((ngx_http_module_t *) module->ctx)->create_loc_conf(&scratch);
    end = pool->d.last;

    if (conf > (u_char *) pool && conf < end
        && ngx_leadgen_caching_try(&scratch, module, directive, &word, conf)
           == NGX_OK)
    {
        for (p = conf; p + sizeof(ngx_str_t) <= end; p += sizeof(void *)) {
            ngx_memcpy(&text, p, sizeof(ngx_str_t));

            if (text.len == word.len && text.data == word.data) {
                offset = p - conf;
                break;
            }
        }
    }

    ngx_destroy_pool(pool);

    return offset;
}


static ngx_int_t
ngx_leadgen_caching_try(ngx_conf_t *cf, const ngx_module_t *module,
    const char *directive, ngx_str_t *word, void *conf)
{
    ngx_str_t       words[2];
    ngx_array_t     args;
    ngx_command_t  *cmd;

    for (cmd = module->commands; cmd->name.len; cmd++) {

        if (ngx_strcmp(cmd->name.data, directive) != 0) {
            continue;
        }

        words[0] = cmd->name;
        words[1] = *word;

        ngx_memzero(&args, sizeof(ngx_array_t));
        args.elts = words;
        args.nelts = 2;
        cf->args = &args;

        return cmd->set(cf, cmd, conf) == NGX_CONF_OK ? NGX_OK : NGX_ERROR;
    }

    return NGX_ERROR;
}


static ngx_uint_t
ngx_leadgen_caching_has_user(const ngx_str_t *key)
{
    u_char  *p, *last;

    static u_char  plain[] = "$leadgen_user_id";
    static u_char  braced[] = "${leadgen_user_id}";

    if (key->len == 0) {
        return 0;
    }

    p = key->data;
    last = p + key->len;

    if (ngx_strlcasestrn(p, last, braced, sizeof(braced) - 2)) {
        return 1;
    }

    while ((p = ngx_strlcasestrn(p, last, plain, sizeof(plain) - 2)) != NULL) {
        p += sizeof(plain) - 1;

        if (p == last || (!isalnum(*p) && *p != '_')) {
            return 1;
        }
    }

    return 0;
}
