
/*
 * What the configuration says, for administrators: directives go in while it
 * is read, and the routes of all policies; replies come out, without secrets.
 */


#include "ngx_leadgen_ctx.h"


typedef char *(*ngx_leadgen_settings_pt)(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_int_t ngx_leadgen_settings_note(ngx_conf_t *cf);
static ngx_uint_t ngx_leadgen_settings_is_secret(const ngx_str_t *words,
    ngx_uint_t n);
static ngx_uint_t ngx_leadgen_settings_has(const ngx_str_t *text,
    const char *what);
static json_t *ngx_leadgen_settings_route(const ngx_leadgen_rule_t *rule);
static json_t *ngx_leadgen_settings_methods(const ngx_leadgen_rule_t *rule);
static json_t *ngx_leadgen_settings_roles(const ngx_leadgen_rule_t *rule);


/* Directives whose first argument is a secret, or holds one. */

static const char *const  ngx_leadgen_settings_secrets[] = {
    "leadgen_database", "leadgen_redis", "leadgen_smtp", "leadgen_sentry",
    "leadgen_jwt_key", "leadgen_audit_key", "leadgen_track", NULL
};

static const ngx_str_t  ngx_leadgen_settings_hidden =
    ngx_string("[not shown]");


/* --- while the configuration is read --- */

char *
ngx_leadgen_settings_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_leadgen_settings_pt  handler;

    handler = (ngx_leadgen_settings_pt) cmd->post;

    return ngx_leadgen_settings_note(cf) == NGX_OK ? handler(cf, cmd, conf)
                                                   : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_leadgen_settings_note(ngx_conf_t *cf)
{
    size_t                    len;
    u_char                   *p;
    ngx_str_t                *words;
    ngx_uint_t                i;
    const ngx_str_t          *shown;
    ngx_leadgen_setting_t    *setting;
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_leadgen_module);
    words = cf->args->elts;

    for (len = 0, i = 1; i < cf->args->nelts; i++) {
        len += ngx_max(words[i].len, ngx_leadgen_settings_hidden.len) + 1;
    }

    setting = ngx_array_push(&mcf->settings);
    p = ngx_pnalloc(cf->pool, len + 1);

    if (setting == NULL || p == NULL) {
        return NGX_ERROR;
    }

    setting->directive = words[0];
    setting->file = cf->conf_file->file.name;
    setting->line = cf->conf_file->line;
    setting->arguments.data = p;

    for (i = 1; i < cf->args->nelts; i++) {
        shown = ngx_leadgen_settings_is_secret(words, i)
                ? &ngx_leadgen_settings_hidden : &words[i];

        if (i > 1) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, shown->data, shown->len);
    }

    setting->arguments.len = p - setting->arguments.data;

    return NGX_OK;
}


/* Where a secret is read from is none; nor are URLs that carry nothing. */

static ngx_uint_t
ngx_leadgen_settings_is_secret(const ngx_str_t *words, ngx_uint_t n)
{
    ngx_uint_t        i;
    const ngx_str_t  *word;

    word = &words[n];

    if (ngx_strncmp(word->data, "env:", 4) == 0
        || ngx_strncmp(word->data, "file:", 5) == 0)
    {
        return 0;
    }

    if (ngx_leadgen_settings_has(word, "://")
        && (ngx_leadgen_settings_has(word, "@")
            || ngx_leadgen_settings_has(word, "?")))
    {
        return 1;
    }

    for (i = 0; n == 1 && ngx_leadgen_settings_secrets[i]; i++) {

        if (ngx_strcmp(words[0].data, ngx_leadgen_settings_secrets[i]) == 0) {
            return ngx_strcmp(word->data, "off") != 0;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_leadgen_settings_has(const ngx_str_t *text, const char *what)
{
    return ngx_strnstr(text->data, (char *) what, text->len) != NULL;
}


/* --- what is told --- */

ngx_int_t
ngx_leadgen_settings_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    json_t                         *settings;
    ngx_uint_t                      i;
    ngx_leadgen_main_conf_t        *mcf;
    const ngx_leadgen_setting_t    *setting;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    settings = json_array();
    setting = mcf->settings.elts;

    for (i = 0; i < mcf->settings.nelts; i++) {
        (void) json_array_append_new(settings,
            json_pack("{s:s%, s:s%, s:s%, s:I}",
                      "directive", setting[i].directive.data,
                      setting[i].directive.len,
                      "arguments", setting[i].arguments.data,
                      setting[i].arguments.len,
                      "file", setting[i].file.data, setting[i].file.len,
                      "line", (json_int_t) setting[i].line));
    }

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK,
                                  json_pack("{s:s, s:s, s:o}",
                                            "version", NGX_LEADGEN_VERSION,
                                            "nginx", NGINX_VERSION,
                                            "settings", settings));
}


ngx_int_t
ngx_leadgen_settings_routes(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    json_t                          *routes;
    ngx_uint_t                       i;
    ngx_leadgen_main_conf_t         *mcf;
    const ngx_leadgen_rule_t *const *rule;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    routes = json_array();
    rule = mcf->rules.elts;

    for (i = 0; i < mcf->rules.nelts; i++) {

        if (rule[i]->in_shadow) {
            continue;
        }

        (void) json_array_append_new(routes,
                                     ngx_leadgen_settings_route(rule[i]));
    }

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK,
                                  json_pack("{s:o}", "routes", routes));
}


static json_t *
ngx_leadgen_settings_route(const ngx_leadgen_rule_t *rule)
{
    json_t      *route;
    const char  *access;

    access = rule->is_public ? "public"
             : rule->permissions || rule->roles ? "granted"
             : "authenticated";

    route = json_pack("{s:o, s:s%, s:s, s:o, s:o}",
                      "methods", ngx_leadgen_settings_methods(rule),
                      "path", rule->path.data, rule->path.len,
                      "access", access,
                      "permissions",
                      ngx_leadgen_admin_names(rule->permissions),
                      "roles", ngx_leadgen_settings_roles(rule));

    if (rule->action != NGX_ERROR) {
        (void) json_object_set_new(route, "audit",
            json_string((char *) ngx_leadgen_actions[rule->action].name.data));
    }

    (void) json_object_set_new(route, "file",
        json_stringn((char *) rule->file.data, rule->file.len));
    (void) json_object_set_new(route, "line", json_integer(rule->line));

    return route;
}


static json_t *
ngx_leadgen_settings_methods(const ngx_leadgen_rule_t *rule)
{
    json_t      *methods;
    ngx_uint_t   i;

    methods = json_array();

    for (i = 0; i < NGX_LEADGEN_NMETHODS; i++) {

        if (rule->methods & (1 << i)) {
            (void) json_array_append_new(methods,
                json_string((char *) ngx_leadgen_rule_names[i].data));
        }
    }

    return methods;
}


static json_t *
ngx_leadgen_settings_roles(const ngx_leadgen_rule_t *rule)
{
    json_t      *roles;
    ngx_str_t   *name;
    ngx_uint_t   i;

    roles = json_array();

    if (rule->roles == NULL) {
        return roles;
    }

    name = rule->roles->elts;

    for (i = 0; i < rule->roles->nelts; i++) {
        (void) json_array_append_new(roles,
            json_stringn((char *) name[i].data, name[i].len));
    }

    return roles;
}
