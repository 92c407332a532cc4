
/*
 * What the configuration says, for administrators: the routes of all policies
 * go in with who may take them, a reply comes out.
 */


#include "ngx_leadgen_ctx.h"


static json_t *ngx_leadgen_settings_route(const ngx_leadgen_rule_t *rule);
static json_t *ngx_leadgen_settings_methods(const ngx_leadgen_rule_t *rule);
static json_t *ngx_leadgen_settings_roles(const ngx_leadgen_rule_t *rule);


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
