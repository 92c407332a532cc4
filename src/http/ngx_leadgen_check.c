
/*
 * Questions about the policy: a method, a path and somebody go in, what the
 * guard would decide comes out.  No request is made.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_CHECK_METHOD  64        /* bytes, at most */
#define NGX_LEADGEN_CHECK_PATH    4096


/* Lifetime: request. */

typedef struct {
    ngx_leadgen_target_t       target;
    ngx_leadgen_principal_t    principal;
    ngx_leadgen_problem_e      authentication;
    ngx_addr_t                 client;

    ngx_leadgen_match_t        match;
    ngx_leadgen_problem_e      problem;
    const ngx_str_t           *location;    /* its name */
    const char                *result;      /* in place of a decision */
} ngx_leadgen_check_t;


static const char *ngx_leadgen_check_fields(ngx_http_request_t *r,
    ngx_leadgen_check_t *check, json_t *body, const char **message);
static const char *ngx_leadgen_check_principal(ngx_http_request_t *r,
    ngx_leadgen_check_t *check, json_t *body, const char **message);
static ngx_int_t ngx_leadgen_check_found(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call);
static ngx_int_t ngx_leadgen_check_answer(ngx_http_request_t *r,
    ngx_leadgen_check_t *check);
static void ngx_leadgen_check_judge(ngx_http_request_t *r,
    ngx_leadgen_check_t *check);
static ngx_int_t ngx_leadgen_check_path(ngx_http_request_t *r,
    ngx_leadgen_target_t *target);
static json_t *ngx_leadgen_check_reasons(ngx_http_request_t *r,
    const ngx_leadgen_check_t *check);
static json_t *ngx_leadgen_check_text(ngx_http_request_t *r,
    const ngx_str_t *text);


static const char  ngx_leadgen_check_statement[] =
    "select status, body, location, audited from api.user($1::jsonb)";


ngx_int_t
ngx_leadgen_check_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    json_t               *user_id;
    const char           *field, *message;
    ngx_leadgen_check_t  *check;

    check = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_check_t));
    if (check == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = check;

    field = ngx_leadgen_check_fields(r, check, body, &message);

    if (field == NULL) {
        field = ngx_leadgen_check_principal(r, check, body, &message);
    }

    if (field) {
        return ngx_leadgen_reply_field(r, field, message);
    }

    user_id = json_object_get(body, "user_id");

    if (user_id == NULL) {
        return ngx_leadgen_check_answer(r, check);
    }

    return ngx_leadgen_sql_submit(r, ctx, ngx_leadgen_check_statement,
                                  "params",
                                  json_pack("{s:o}", "id",
                                      json_sprintf("%" JSON_INTEGER_FORMAT,
                                          json_integer_value(user_id))),
                                  ngx_leadgen_check_found);
}


/* The first field that is wrong, and what to do about it; NULL: none is. */

static const char *
ngx_leadgen_check_fields(ngx_http_request_t *r, ngx_leadgen_check_t *check,
    json_t *body, const char **message)
{
    json_t      *value;
    ngx_str_t    address;
    const char  *name;

    json_object_foreach(body, name, value) {

        if (ngx_strcmp(name, "method") != 0
            && ngx_strcmp(name, "path") != 0
            && ngx_strcmp(name, "role") != 0
            && ngx_strcmp(name, "user_id") != 0
            && ngx_strcmp(name, "ip_address") != 0)
        {
            *message = "There is no such field: there are method, path, role, "
                       "user_id and ip_address.";
            return name;
        }
    }

    check->target.method = ngx_leadgen_json_string(body, "method");

    if (check->target.method.len == 0
        || check->target.method.len > NGX_LEADGEN_CHECK_METHOD)
    {
        *message = "Send the method of a request, such as GET.";
        return "method";
    }

    check->target.raw = ngx_leadgen_json_string(body, "path");

    if (check->target.raw.len == 0
        || check->target.raw.len > NGX_LEADGEN_CHECK_PATH
        || check->target.raw.data[0] != '/')
    {
        *message = "Send the path of a request as a client would, from its "
                   "first \"/\" on, of 4096 bytes at most.";
        return "path";
    }

    check->client.sockaddr = r->connection->sockaddr;

    if (json_object_get(body, "ip_address") == NULL) {
        return NULL;
    }

    address = ngx_leadgen_json_string(body, "ip_address");

    if (ngx_parse_addr(r->pool, &check->client, address.data, address.len)
        != NGX_OK)
    {
        *message = "Send an address such as 192.0.2.1 or 2001:db8::1, or leave "
                   "it out for your own.";
        return "ip_address";
    }

    return NULL;
}


/* Without a role or a user it is about somebody without a token. */

static const char *
ngx_leadgen_check_principal(ngx_http_request_t *r, ngx_leadgen_check_t *check,
    json_t *body, const char **message)
{
    json_t                    *role, *user_id;
    ngx_leadgen_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    role = json_object_get(body, "role");
    user_id = json_object_get(body, "user_id");

    check->authentication = NGX_LEADGEN_PROBLEM_UNAUTHENTICATED;

    if (user_id && role) {
        *message = "Send role or user_id, not both.";
        return "role";
    }

    if (user_id && json_integer_value(user_id) <= 0) {
        *message = "Send the id of a user, a whole number from 1.";
        return "user_id";
    }

    if (role == NULL) {
        return NULL;
    }

    check->principal.role = ngx_leadgen_json_string(body, "role");

    if (ngx_leadgen_roles_grant(mcf->roles, &check->principal.role,
                                &check->principal.permissions)
        != NGX_OK)
    {
        *message = "Send the name of a role: GET /api/admin/roles has them.";
        return "role";
    }

    /* somebody of that role, who owns nothing */

    check->principal.user_id = -1;
    check->authentication = NGX_LEADGEN_PROBLEM_NONE;

    return NULL;
}


static ngx_int_t
ngx_leadgen_check_found(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    json_t                    *user;
    ngx_leadgen_check_t       *check;
    ngx_leadgen_main_conf_t   *mcf;

    if (ngx_leadgen_sql_status(ctx, call) != NGX_HTTP_OK) {
        return ngx_leadgen_sql_refused(r, call);
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    check = ctx->state;

    user = ngx_leadgen_json_parse(r->pool,
                                  &call->values[NGX_LEADGEN_SQL_BODY]);

    check->principal.user_id = json_integer_value(json_object_get(user, "id"));
    check->principal.role = ngx_leadgen_json_string(user, "role");

    (void) ngx_leadgen_roles_grant(mcf->roles, &check->principal.role,
                                   &check->principal.permissions);

    check->authentication = json_is_true(json_object_get(user, "is_active"))
                            ? NGX_LEADGEN_PROBLEM_NONE
                            : NGX_LEADGEN_PROBLEM_TOKEN_REVOKED;

    return ngx_leadgen_check_answer(r, check);
}


static ngx_int_t
ngx_leadgen_check_answer(ngx_http_request_t *r, ngx_leadgen_check_t *check)
{
    json_t                       *reply;
    const ngx_leadgen_problem_t  *problem;

    ngx_leadgen_check_judge(r, check);

    problem = &ngx_leadgen_problems[check->problem];

    reply = json_pack("{s:s, s:o, s:o, s:o, s:o}",
                      "result",
                      check->result ? check->result
                                    : ngx_leadgen_judge_name(&check->match,
                                                             check->problem),
                      "status", check->problem
                                ? json_integer(problem->status) : json_null(),
                      "reason", check->problem
                                ? ngx_leadgen_check_text(r, &problem->slug)
                                : json_null(),
                      "location", ngx_leadgen_check_text(r, check->location),
                      "role",
                      ngx_leadgen_check_text(r, &check->principal.role));

    if (reply) {
        (void) json_object_update_new(reply,
                                      ngx_leadgen_check_reasons(r, check));
    }

    return ngx_leadgen_reply_tree(r, NGX_HTTP_OK, reply);
}


/* As the guard does, of the location that nginx would choose. */

static void
ngx_leadgen_check_judge(ngx_http_request_t *r, ngx_leadgen_check_t *check)
{
    void                         **conf;
    ngx_leadgen_main_conf_t       *mcf;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_leadgen_location_conf_t   *lcf;

    static const ngx_str_t  none = ngx_null_string;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    check->location = &none;

    if (ngx_leadgen_check_path(r, &check->target) != NGX_OK) {
        check->problem = NGX_LEADGEN_PROBLEM_PATH_NOT_CANONICAL;
        return;
    }

    conf = ngx_leadgen_locate(r, &check->target.uri);
    clcf = conf[ngx_http_core_module.ctx_index];
    lcf = conf[ngx_leadgen_module.ctx_index];

    check->location = &clcf->name;

    if (clcf->internal) {
        check->problem = NGX_LEADGEN_PROBLEM_NOT_FOUND;
        return;
    }

    if (lcf->policy == NULL && !lcf->api) {
        check->result = "unguarded";
        return;
    }

    check->problem = ngx_leadgen_judge_route(conf,
                                             lcf->api ? mcf->api : lcf->policy,
                                             &check->target, &check->match);

    if (check->problem == NGX_LEADGEN_PROBLEM_NONE) {
        check->problem = ngx_leadgen_judge_principal(lcf, &check->match,
                                                     check->authentication,
                                                     &check->principal,
                                                     check->client.sockaddr);
    }
}


/* The path as nginx itself would read it from a request line. */

static ngx_int_t
ngx_leadgen_check_path(ngx_http_request_t *r, ngx_leadgen_target_t *target)
{
    ngx_http_request_t         line;
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    ngx_memzero(&line, sizeof(ngx_http_request_t));
    line.connection = r->connection;
    line.uri_start = target->raw.data;
    line.uri_end = target->raw.data + target->raw.len;

    if (ngx_http_parse_uri(&line) != NGX_OK) {
        return NGX_ERROR;
    }

    line.uri.len = (line.args_start ? line.args_start - 1 : line.uri_end)
                   - line.uri_start;

    /* it is shortened in place, never made longer */

    line.uri.data = ngx_pnalloc(r->pool, target->raw.len + 1);
    if (line.uri.data == NULL) {
        return NGX_ERROR;
    }

    if (line.complex_uri || line.quoted_uri) {

        if (ngx_http_parse_complex_uri(&line, cscf->merge_slashes) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        ngx_memcpy(line.uri.data, line.uri_start, line.uri.len);
    }

    target->uri = line.uri;

    return NGX_OK;
}


/* What the route asks for, and what of it there is not. */

static json_t *
ngx_leadgen_check_reasons(ngx_http_request_t *r,
    const ngx_leadgen_check_t *check)
{
    ngx_int_t                  missing, failed;
    ngx_str_t                  permission, condition;
    ngx_leadgen_role_t         smallest;
    const ngx_leadgen_rule_t  *rule;
    ngx_leadgen_main_conf_t   *mcf;

    rule = check->match.rule;
    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    ngx_str_null(&permission);
    ngx_str_null(&condition);
    ngx_str_null(&smallest.name);

    if (check->problem == NGX_LEADGEN_PROBLEM_PERMISSION_MISSING
        || check->problem == NGX_LEADGEN_PROBLEM_CONDITION_FAILED)
    {
        missing = ngx_leadgen_decide_missing(rule, &check->principal);
        failed = ngx_leadgen_condition_failed(&check->match,
                                              &check->principal,
                                              check->client.sockaddr);

        if (missing != NGX_ERROR) {
            permission = ngx_leadgen_permissions[missing].name;
        }

        if (failed != NGX_ERROR && missing == NGX_ERROR) {
            condition = rule->conditions[failed];
        }
    }

    /* no role helps against own= and ip= */

    if (rule && check->problem
        && check->problem != NGX_LEADGEN_PROBLEM_CONDITION_FAILED)
    {
        smallest = ngx_leadgen_decide_smallest(mcf->roles, rule);
    }

    return json_pack("{s:o, s:o, s:o, s:o, s:o}",
                     "route", rule ? ngx_leadgen_check_text(r, &rule->path)
                                   : json_null(),
                     "requires", ngx_leadgen_admin_names(
                                     rule ? rule->permissions : 0),
                     "missing_permission",
                     ngx_leadgen_check_text(r, &permission),
                     "failed_condition",
                     ngx_leadgen_check_text(r, &condition),
                     "smallest_role",
                     ngx_leadgen_check_text(r, &smallest.name));
}


static json_t *
ngx_leadgen_check_text(ngx_http_request_t *r, const ngx_str_t *text)
{
    return text->len ? ngx_leadgen_json_text(r->pool, text) : json_null();
}
