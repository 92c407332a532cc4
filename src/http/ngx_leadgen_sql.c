
/*
 * Endpoints served by SQL: a request goes to a function of PostgreSQL as one
 * JSON object, its reply comes out as the answer.
 */


#include "ngx_leadgen_ctx.h"


static json_t *ngx_leadgen_sql_request(ngx_http_request_t *r,
    ngx_leadgen_ctx_t *ctx, ngx_int_t *rc);
static json_t *ngx_leadgen_sql_principal(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx);
static json_t *ngx_leadgen_sql_required(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx);
static json_t *ngx_leadgen_sql_roles(ngx_http_request_t *r,
    const ngx_leadgen_ctx_t *ctx);
static json_t *ngx_leadgen_sql_params(ngx_http_request_t *r,
    const ngx_leadgen_match_t *match);
static json_t *ngx_leadgen_sql_idempotency_key(ngx_http_request_t *r);
static json_t *ngx_leadgen_sql_query(ngx_http_request_t *r);
static ngx_int_t ngx_leadgen_sql_decode(ngx_http_request_t *r, ngx_str_t *src,
    ngx_str_t *dst);


ngx_int_t
ngx_leadgen_sql_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    const ngx_leadgen_endpoint_t  *endpoint;

    endpoint = ctx->match.rule->endpoint;

    return ngx_leadgen_sql_submit(r, ctx, endpoint->statement, "body",
                                  json_incref(body), ngx_leadgen_sql_done);
}


ngx_int_t
ngx_leadgen_sql_submit(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    const char *statement, const char *name, json_t *member,
    ngx_leadgen_await_pt next)
{
    ngx_int_t            rc;
    ngx_str_t            question;
    ngx_leadgen_call_t  *call;

    rc = ngx_leadgen_sql_question(r, ctx, name, member, &question);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    call = ngx_leadgen_call_create(r->pool, 1);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->args[0] = question;
    call->statement = statement;

    return ngx_leadgen_await(r, ngx_leadgen_worker.database, call, next);
}


ngx_int_t
ngx_leadgen_sql_question(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    const char *name, json_t *member, ngx_str_t *question)
{
    json_t     *request;
    ngx_int_t   rc;

    request = ngx_leadgen_sql_request(r, ctx, &rc);

    if (request == NULL) {
        json_decref(member);
        return rc;
    }

    if ((member && json_object_set_new(request, name, member) != 0)
        || ngx_leadgen_json_dump(r->pool, request, question) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_leadgen_sql_status(ngx_leadgen_ctx_t *ctx, ngx_leadgen_call_t *call)
{
    ngx_str_t  *value;

    value = call->values;

    if (call->result != NGX_LEADGEN_CALL_OK
        || call->nrows != 1
        || call->ncols != NGX_LEADGEN_SQL_NCOLS)
    {
        return NGX_ERROR;
    }

    if (value[NGX_LEADGEN_SQL_AUDITED].len == 1
        && value[NGX_LEADGEN_SQL_AUDITED].data[0] == 't')
    {
        ngx_leadgen_audit_is_stored(ctx);
    }

    return ngx_atoi(value[NGX_LEADGEN_SQL_STATUS].data,
                    value[NGX_LEADGEN_SQL_STATUS].len);
}


ngx_int_t
ngx_leadgen_sql_done(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_leadgen_call_t *call)
{
    ngx_int_t   status;
    ngx_str_t  *value, body, location;

    status = ngx_leadgen_sql_status(ctx, call);
    value = call->values;

    if (status < NGX_HTTP_OK) {
        return ngx_leadgen_sql_refused(r, call);
    }

    /* the values go away with the call, the reply may be sent later */

    body.len = value[NGX_LEADGEN_SQL_BODY].len;
    body.data = ngx_pstrdup(r->pool, &value[NGX_LEADGEN_SQL_BODY]);

    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (value[NGX_LEADGEN_SQL_LOCATION].len) {
        location.len = value[NGX_LEADGEN_SQL_LOCATION].len;
        location.data = ngx_pstrdup(r->pool, &value[NGX_LEADGEN_SQL_LOCATION]);

        if (location.data == NULL
            || ngx_leadgen_reply_header(r, "Location", &location) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_leadgen_reply_json(r, status, &body);
}


ngx_int_t
ngx_leadgen_sql_refused(ngx_http_request_t *r, ngx_leadgen_call_t *call)
{
    json_t                 *errors;
    ngx_leadgen_problem_e   problem;

    problem = ngx_leadgen_sql_problem(call);

    if (call->code[0] != 'L') {
        return ngx_leadgen_reply_problem(r, problem, NULL, NULL);
    }

    errors = NULL;

    if (call->detail.len) {
        errors = ngx_leadgen_json_own(r->pool,
                                      json_loadb((char *) call->detail.data,
                                                 call->detail.len, 0, NULL));
    }

    return ngx_leadgen_reply_problem(r, problem, &call->error, errors);
}


/*
 * Functions refuse by SQLSTATE 'LG' and a status; of PostgreSQL's own classes
 * some mean that it is away, the others that we have made a mistake.
 */

ngx_leadgen_problem_e
ngx_leadgen_sql_problem(const ngx_leadgen_call_t *call)
{
    ngx_uint_t           i;
    const char          *code;
    static const struct {
        char                   state[6];
        ngx_leadgen_problem_e  problem;
    } rows[] = {
        { "LG400", NGX_LEADGEN_PROBLEM_BAD_QUERY },
        { "LG401", NGX_LEADGEN_PROBLEM_TOKEN_REVOKED },
        { "LG403", NGX_LEADGEN_PROBLEM_PERMISSION_MISSING },
        { "LG404", NGX_LEADGEN_PROBLEM_NOT_FOUND },
        { "LG409", NGX_LEADGEN_PROBLEM_CONFLICT },
        { "LG422", NGX_LEADGEN_PROBLEM_FIELD_INVALID },
        { "LG429", NGX_LEADGEN_PROBLEM_THROTTLED }
    };

    if (call->result == NGX_LEADGEN_CALL_OK) {
        return NGX_LEADGEN_PROBLEM_INTERNAL;
    }

    if (call->result != NGX_LEADGEN_CALL_REFUSED) {
        return NGX_LEADGEN_PROBLEM_DATABASE_AWAY;
    }

    code = call->code;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (ngx_strcmp(code, rows[i].state) == 0) {
            return rows[i].problem;
        }
    }

    if (ngx_strncmp(code, "53", 2) == 0
        || ngx_strncmp(code, "57", 2) == 0
        || ngx_strncmp(code, "08", 2) == 0
        || ngx_strncmp(code, "40", 2) == 0
        || ngx_strcmp(code, "25006") == 0)
    {
        return NGX_LEADGEN_PROBLEM_DATABASE_AWAY;
    }

    return NGX_LEADGEN_PROBLEM_INTERNAL;
}


static json_t *
ngx_leadgen_sql_request(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    ngx_int_t *rc)
{
    json_t     *request, *query;
    ngx_str_t   agent;

    query = ngx_leadgen_sql_query(r);

    if (query == NULL) {
        *rc = ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_BAD_QUERY, NULL,
                                        NULL);
        return NULL;
    }

    ngx_str_set(&agent, "");

    if (r->headers_in.user_agent) {
        agent = r->headers_in.user_agent->value;
    }

    request = ngx_leadgen_json_own(r->pool,
        json_pack("{s:s%, s:s%, s:o, s:o, s:o, s:o?, s:o?, s:o?, s:o*, s:s%,"
                  " s:o}",
                  "request_id", ctx->id_text.data, ctx->id_text.len,
                  "method", r->method_name.data, r->method_name.len,
                  "path", ngx_leadgen_json_text(r->pool, &r->uri),
                  "params", ngx_leadgen_sql_params(r, &ctx->match),
                  "query", query,
                  "roles", ngx_leadgen_sql_roles(r, ctx),
                  "principal", ngx_leadgen_sql_principal(r, ctx),
                  "idempotency_key", ngx_leadgen_sql_idempotency_key(r),
                  "trace", ngx_leadgen_scope_trace_json(ctx),
                  "ip_address", r->connection->addr_text.data,
                  r->connection->addr_text.len,
                  "user_agent", ngx_leadgen_json_text(r->pool, &agent)));

    if (request == NULL) {
        *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return request;
}


/* What sql/functions/callers.sql proves anew. */

static json_t *
ngx_leadgen_sql_principal(ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx)
{
    u_char                          session[NGX_LEADGEN_UUID_TEXT];
    const ngx_leadgen_principal_t  *principal;

    principal = &ctx->principal;

    if (principal->user_id == 0) {
        return NULL;
    }

    (void) ngx_leadgen_uuid_format(session, principal->session);

    return json_pack("{s:I, s:s%, s:s%, s:o, s:s%, s:I, s:b, s:o?}",
                     "user_id", (json_int_t) principal->user_id,
                     "email", principal->email.data, principal->email.len,
                     "role", principal->role.data, principal->role.len,
                     "permissions",
                     ngx_leadgen_admin_names(principal->permissions),
                     "session", session, (size_t) NGX_LEADGEN_UUID_TEXT,
                     "issued_at", (json_int_t) principal->issued,
                     "is_foreign", !principal->is_ours,
                     "required", ngx_leadgen_sql_required(r, ctx));
}


/*
 * What the rule needs, when the role that granted it is one of the database,
 * which may have changed since; else NULL.
 */

static json_t *
ngx_leadgen_sql_required(ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx)
{
    ngx_leadgen_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);

    return ctx->match.rule->permissions
           && !ngx_leadgen_roles_find(mcf->roles, &ctx->principal.role)
           ? ngx_leadgen_admin_names(ctx->match.rule->permissions) : NULL;
}


/*
 * What roles of the configuration grant, for calls that are about roles, users
 * or decisions, else NULL.
 */

static json_t *
ngx_leadgen_sql_roles(ngx_http_request_t *r, const ngx_leadgen_ctx_t *ctx)
{
    json_t                   *roles;
    ngx_uint_t                i;
    ngx_leadgen_role_t       *role;
    ngx_leadgen_main_conf_t  *mcf;

    if (!(ctx->match.rule->permissions
          & (ngx_leadgen_permission_bit(NGX_LEADGEN_USER_CREATE)
             | ngx_leadgen_permission_bit(NGX_LEADGEN_USER_UPDATE)
             | ngx_leadgen_permission_bit(NGX_LEADGEN_USER_DELETE)
             | ngx_leadgen_permission_bit(NGX_LEADGEN_USER_MANAGE_ROLES)
             | ngx_leadgen_permission_bit(NGX_LEADGEN_SYSTEM_AUDIT))))
    {
        return NULL;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    role = mcf->roles->elts;
    roles = json_object();

    for (i = 0; i < mcf->roles->nelts; i++) {
        (void) json_object_setn_new(roles, (char *) role[i].name.data,
                                    role[i].name.len,
                                    ngx_leadgen_admin_names(
                                        role[i].permissions));
    }

    return roles;
}


static json_t *
ngx_leadgen_sql_params(ngx_http_request_t *r, const ngx_leadgen_match_t *match)
{
    json_t           *params;
    ngx_uint_t        i;
    const ngx_str_t  *name;

    params = json_object();
    name = match->rule->params.elts;

    for (i = 0; i < match->rule->params.nelts; i++) {
        char  key[64];

        (void) ngx_snprintf((u_char *) key, sizeof(key), "%V%Z", &name[i]);
        (void) json_object_set_new(params, key,
                                   ngx_leadgen_json_text(r->pool,
                                                         &match->params[i]));
    }

    return params;
}


/* The header's text, or NULL. */

static json_t *
ngx_leadgen_sql_idempotency_key(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;
    static ngx_str_t  name = ngx_string("idempotency-key");

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len == name.len
                && ngx_strncmp(header[i].lowcase_key, name.data, name.len)
                   == 0)
            {
                return ngx_leadgen_json_text(r->pool, &header[i].value);
            }
        }
    }

    return NULL;
}


/* The query's names and values, decoded; NULL when it is malformed. */

static json_t *
ngx_leadgen_sql_query(ngx_http_request_t *r)
{
    u_char     *p, *last, *end, *equals;
    json_t     *query;
    ngx_str_t   raw, name, value;

    query = json_object();
    p = r->args.data;
    last = p + r->args.len;

    while (query && p < last) {
        end = ngx_strlchr(p, last, '&');
        end = end ? end : last;
        equals = ngx_strlchr(p, end, '=');
        equals = equals ? equals : end;

        raw.data = p;
        raw.len = equals - p;

        if (raw.len == 0
            || ngx_leadgen_sql_decode(r, &raw, &name) != NGX_OK)
        {
            break;
        }

        raw.data = equals < end ? equals + 1 : end;
        raw.len = end - raw.data;

        if (ngx_leadgen_sql_decode(r, &raw, &value) != NGX_OK
            || json_object_get(query, (char *) name.data)
            || json_object_set_new(query, (char *) name.data,
                                   json_stringn((char *) value.data,
                                                value.len)))
        {
            break;
        }

        p = end + 1;
    }

    if (p < last) {
        json_decref(query);
        return NULL;
    }

    return query;
}


/* application/x-www-form-urlencoded; the result ends with a zero byte. */

static ngx_int_t
ngx_leadgen_sql_decode(ngx_http_request_t *r, ngx_str_t *src, ngx_str_t *dst)
{
    u_char     *d;
    ngx_int_t   c;
    ngx_uint_t  i;

    d = ngx_pnalloc(r->pool, src->len + 1);
    if (d == NULL) {
        return NGX_ERROR;
    }

    dst->data = d;

    for (i = 0; i < src->len; i++) {
        c = src->data[i] == '+' ? ' ' : src->data[i];

        if (c == '%') {
            c = i + 2 < src->len ? ngx_hextoi(&src->data[i + 1], 2)
                                 : NGX_ERROR;
            i += 2;
        }

        if (c <= 0) {
            return NGX_ERROR;
        }

        *d++ = (u_char) c;
    }

    *d = '\0';
    dst->len = d - dst->data;

    return ngx_leadgen_text_is_utf8(dst) ? NGX_OK : NGX_ERROR;
}
